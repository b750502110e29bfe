/**
 * All that takes time, off the page's thread: assets, self-test, and one radiograph after the other.
 *
 * The page makes this worker from a blob, so that the page's Content-Security-Policy holds here too.
 */
import { loadAssets, RefusedError, type Assets } from './assets/load.ts';
import { Engine, loadRuntime, type Accelerator } from './engine.ts';
import { lookAt } from './look.ts';
import type { Reply, Report, Request, Tried } from './messages.ts';
import { Painter } from './overlay.ts';
import { ImageError } from './radiograph.ts';
import { checkCode, checkEngine } from './selftest.ts';

interface Ready {
  readonly assets: Assets;
  readonly painter: Painter;
  engine: Engine;
}

let ready: Ready | undefined;
let queue: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<Request>) => {
  queue = queue.then(() => (data.kind === 'start' ? start(data.assets, data.runtime) : look(data.id, data.bytes)));
};

function reply(message: Reply, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

async function start(folder: string, runtime: string): Promise<void> {
  try {
    const [assets] = await Promise.all([loadAssets(new URL(folder)), loadRuntime(new URL(runtime))]);
    const problems = checkCode(assets);
    if (problems.length) throw new RefusedError(problems);
    const { engine, tried } = await attempt(assets, 'wasm');
    if (!engine) throw new RefusedError(tried.problems);
    ready = { assets, painter: new Painter(assets.app.display), engine };
    reply({ kind: 'ready', report: reportOf(assets, [tried]) });
    // only after the first answer is possible, since a GPU takes long to prepare
    queue = queue.then(() => preferGpu(tried));
  } catch (error) {
    reply({ kind: 'refused', reasons: error instanceof RefusedError ? error.reasons : [String(error)] });
  }
}

/** Compile for an accelerator and test it; the engine is there only if it passed. */
async function attempt(assets: Assets, accelerator: Accelerator): Promise<{ engine?: Engine; tried: Tried }> {
  let engine: Engine | undefined;
  try {
    engine = await Engine.open(assets.files.get(assets.app.model)!, assets.contract, accelerator);
    const first = await checkEngine(assets, engine);
    const { problems, runs } = first.problems.length ? first : await checkEngine(assets, engine);
    const milliseconds = runs.sort((one, other) => one - other)[Math.floor(runs.length / 2)]!;
    if (!problems.length) return { engine, tried: { accelerator, state: 'in use', problems, milliseconds } };
    engine.close();
    return { tried: { accelerator, state: 'not used', problems, milliseconds } };
  } catch (error) {
    engine?.close();
    return { tried: { accelerator, state: 'not used', problems: [error instanceof Error ? error.message : String(error)] } };
  }
}

/** Use the GPU if it passes the self-test and is faster. */
async function preferGpu(onCpu: Tried): Promise<void> {
  const { engine, tried } = await attempt(ready!.assets, 'webgpu');
  if (!engine) return reply({ kind: 'accelerators', tried: [onCpu, tried] });
  if (tried.milliseconds! >= onCpu.milliseconds!) {
    engine.close();
    return reply({ kind: 'accelerators', tried: [onCpu, { ...tried, state: 'passed, slower' }] });
  }
  ready!.engine.close();
  ready!.engine = engine;
  reply({ kind: 'accelerators', tried: [{ ...onCpu, state: 'passed, slower' }, tried] });
}

function reportOf(assets: Assets, tried: Tried[]): Report {
  const text = (name: string): string => new TextDecoder().decode(assets.files.get(name));
  const certificate = text('certificate.json');
  return {
    app: assets.app,
    contract: assets.contract,
    vectors: assets.vectors.length,
    tried,
    modelCard: text('MODEL_CARD.md'),
    certificate: certificate ? JSON.parse(certificate) : null,
    example: assets.files.get(`golden/${assets.vectors[0]!.raster}`)!.slice().buffer,
    fetched: performance.getEntriesByType('resource').map(({ name }) => name),
  };
}

async function look(id: number, bytes: ArrayBuffer): Promise<void> {
  if (!ready) return reply({ kind: 'failed', id, message: 'the model is not in use, see above', hint: '' });
  try {
    const found = await lookAt(new Uint8Array(bytes), ready.assets, ready.engine, ready.painter);
    reply({ kind: 'looked', id, look: found }, [found.picture.plain.buffer, found.picture.painted.buffer]);
  } catch (error) {
    const hint = error instanceof ImageError ? error.hint : 'load the page again';
    reply({ kind: 'failed', id, message: error instanceof Error ? error.message : String(error), hint });
  }
}
