import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { RefusedError } from '../../src/assets/load.ts';
import { checkCode, checkEngine } from '../../src/selftest.ts';
import type { Engine, Prediction } from '../../src/engine.ts';
import { assetsWith, FOLDER, readAssets } from '../support/assets.ts';

type Bytes = Uint8Array<ArrayBuffer>;

function flipped(bytes: Bytes, at: number): Bytes {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
}

test('the code reproduces the golden vectors', async () => {
  assert.deepEqual(checkCode(await readAssets()), []);
});

test('one changed byte in any file is refused by its checksum', async () => {
  const { app } = await readAssets();
  for (const { path, bytes } of app.files) {
    const changed = assetsWith((name, content) => (name === path ? flipped(content, bytes >> 1) : content));
    await assert.rejects(
      changed,
      (error) => error instanceof RefusedError && error.message.startsWith(`${path}: changed`),
    );
  }
});

test('one changed byte of a golden input or overlay fails the check even where the checksum was changed with it', async () => {
  const { vectors } = await readAssets();
  for (const kind of ['input', 'overlay'] as const) {
    const path = `golden/${vectors[0]![kind]}`;
    const other = `golden/${vectors[1]![kind]}`;
    const problems = checkCode(await resealed(path, new Uint8Array(readFileSync(join(FOLDER, other)))));
    assert.ok(
      problems.some((line) => line.startsWith(vectors[0]!.name)),
      problems.join(),
    );
  }
});

test('changed golden numbers fail the check', async () => {
  const text = readFileSync(join(FOLDER, 'golden/vectors.json'), 'utf8');
  const changes: ((vector: Record<string, unknown>) => void)[] = [
    (vector) => (vector['positive'] = !vector['positive']),
    (vector) => (vector['label'] = 'something else'),
    (vector) => (vector['finding'] = vector['finding'] === 'diffuse' ? 'nothing' : 'diffuse'),
    (vector) => ((vector['peak'] as number[])[0]! += 1),
    (vector) => (vector['distance'] = vector['distance'] === null ? null : (vector['distance'] as number) + 0.01),
    (vector) => (vector['regions'] as unknown[]).push({ box: [0, 0, 1, 1], log_odds: 1, share: 1 }),
  ];
  const hasFamiliar = (await readAssets()).contract.familiar !== undefined;
  for (const [index, change] of changes.entries()) {
    if (index === 4 && !hasFamiliar) continue; // a model that knows no distances has none to check
    const document = JSON.parse(text) as { vectors: Record<string, unknown>[] };
    change(document.vectors[0]!);
    const changed = new TextEncoder().encode(JSON.stringify(document));
    assert.equal(checkCode(await resealed('golden/vectors.json', changed)).length, 1, `change ${index}`);
  }
});

test('an accelerator beyond the tolerance is told, one within is not', async () => {
  const assets = await readAssets();
  const answering = (shift: (tolerance: number) => number): Engine['run'] => {
    let next = 0;
    return (): Promise<Prediction> => {
      const vector = assets.vectors[next++ % assets.vectors.length]!;
      const evidence = Float32Array.from(vector.evidence.flat(2));
      evidence[3]! += shift(vector.evidence_tolerance);
      return Promise.resolve({ probability: Float32Array.from(vector.probability), evidence, milliseconds: 1 });
    };
  };
  assert.deepEqual(
    (
      await checkEngine(
        assets,
        answering((tolerance) => 0.9 * tolerance),
      )
    ).problems,
    [],
  );
  const far = await checkEngine(
    assets,
    answering((tolerance) => 1.2 * tolerance),
  );
  assert.equal(far.problems.length, assets.vectors.length);
  const broken = await checkEngine(
    assets,
    answering(() => Number.NaN),
  );
  assert.equal(broken.problems.length, assets.vectors.length);
});

test('a name that leads out of the folder is refused', async () => {
  const evil = assetsWith((name, content) =>
    name === 'app.json'
      ? encoded(new TextDecoder().decode(content).replace('contract.json', '../contract.json'))
      : content,
  );
  await assert.rejects(evil, RefusedError);
});

function encoded(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** The assets with another content of one file, and its checksum set to match. */
function resealed(path: string, content: Bytes) {
  return assetsWith((name, bytes) => {
    if (name === path) return content;
    if (name !== 'app.json') return bytes;
    const app = JSON.parse(new TextDecoder().decode(bytes)) as {
      files: { path: string; bytes: number; sha256: string }[];
    };
    const entry = app.files.find((file) => file.path === path)!;
    entry.bytes = content.length;
    entry.sha256 = createHash('sha256').update(content).digest('hex');
    return encoded(JSON.stringify(app));
  });
}
