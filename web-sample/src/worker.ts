/**
 * All that takes time, off the page's thread: assets, self-test, and one radiograph after the other.
 *
 * The page makes this worker from a blob, so that the page's Content-Security-Policy holds here too.
 */
import { loadAssets, RefusedError, type Assets } from './assets/load.ts';
import type { Vector } from './assets/goldens.ts';
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

const PATIENCE = 3000; // ms in which a first radiograph may come, since a GPU takes long to prepare

let ready: Ready | undefined;
let queue: Promise<unknown> = Promise.resolve();

/** Do something when all that was asked for before is done: the runtime does one thing at a time. */
function inTurn<T>(step: () => Promise<T>): Promise<T> {
  const done = queue.then(step);
  queue = done.catch(() => undefined);
  return done;
}

self.onmessage = ({ data }: MessageEvent<Request>) => {
  void inTurn(() => (data.kind === 'start' ? start(data.assets, data.runtime) : look(data.id, data.bytes)));
};

function reply(message: Reply, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

async function start(folder: string, runtime: string): Promise<void> {
  try {
    const [assets] = await Promise.all([loadAssets(new URL(folder)), loadRuntime(new URL(runtime))]);
    const problems = checkCode(assets);
    if (problems.length) throw new RefusedError(problems);
    const { engine, tried } = await attempt(assets, 'wasm', (step) => step());
    if (!engine) throw new RefusedError(tried.problems);
    ready = { assets, painter: new Painter(assets.app.display), engine };
    reply({ kind: 'ready', report: reportOf(assets, [tried]) });
    setTimeout(() => void preferGpu(tried), PATIENCE);
  } catch (error) {
    reply({ kind: 'refused', reasons: error instanceof RefusedError ? error.reasons : [String(error)] });
  }
}

/** Compile for an accelerator and test it, step by step as `when` lets it; the engine is there only if it passed. */
async function attempt(
  assets: Assets,
  accelerator: Accelerator,
  when: typeof inTurn,
): Promise<{ engine?: Engine; tried: Tried }> {
  let engine: Engine | undefined;
  try {
    const opened = await when(() => Engine.open(assets.files.get(assets.app.model)!, assets.contract, accelerator));
    engine = opened;
    const { problems, runs } = await checkEngine(assets, (input) => when(() => opened.run(input)));
    const milliseconds = runs.sort((one, other) => one - other)[Math.floor(runs.length / 2)]!;
    if (!problems.length) return { engine, tried: { accelerator, state: 'in use', problems, milliseconds } };
    engine.close();
    return { tried: { accelerator, state: 'not used', problems, milliseconds } };
  } catch (error) {
    engine?.close();
    return {
      tried: { accelerator, state: 'not used', problems: [error instanceof Error ? error.message : String(error)] },
    };
  }
}

/** Use the GPU if it passes the self-test and is faster. */
async function preferGpu(onCpu: Tried): Promise<void> {
  const { engine, tried } = await attempt(ready!.assets, 'webgpu', inTurn);
  if (!engine) return reply({ kind: 'accelerators', tried: [onCpu, tried] });
  if (tried.milliseconds! >= onCpu.milliseconds!) {
    engine.close();
    return reply({ kind: 'accelerators', tried: [onCpu, { ...tried, state: 'passed, slower' }] });
  }
  await inTurn(async () => {
    ready!.engine.close();
    ready!.engine = engine;
  });
  reply({ kind: 'accelerators', tried: [{ ...onCpu, state: 'passed, slower' }, tried] });
}

function reportOf(assets: Assets, tried: Tried[]): Report {
  const text = (name: string): string => new TextDecoder().decode(assets.files.get(name));
  const certificate = text('certificate.json');
  const [nearest] = assets.vectors.toSorted((one, other) => (one.distance ?? 0) - (other.distance ?? 0)) as [Vector];
  return {
    app: assets.app,
    contract: assets.contract,
    vectors: assets.vectors.length,
    tried,
    modelCard: text('MODEL_CARD.md'),
    certificate: certificate ? JSON.parse(certificate) : null,
    example: assets.files.get(`golden/${nearest.raster}`)!.slice().buffer,
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
