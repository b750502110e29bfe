/** One radiograph from its bytes to what is shown of it. */
import type { Assets } from './assets/load.ts';
import { taskOf } from './assets/contract.ts';
import { decide, foreignTo } from './decision.ts';
import { evidenceOf, type Engine } from './engine.ts';
import { readRadiograph } from './image/read.ts';
import type { Look, Picture } from './messages.ts';
import type { Painter } from './overlay.ts';
import { Placement, preprocess, resample } from './preprocess.ts';
import type { Radiograph } from './radiograph.ts';

const SHOWN_SIDE = 2048; // more pixels than a screen shows, and fewer than a phone's canvas takes

/** Read, preprocess, run, decide, paint; raises `ImageError` for a file that cannot be read. */
export async function lookAt(
  bytes: Uint8Array<ArrayBuffer>,
  assets: Assets,
  engine: Engine,
  painter: Painter,
): Promise<Look> {
  const { app, contract } = assets;
  const size = contract.input.shape[1];
  const lap = stopwatch();
  const radiograph = await readRadiograph(bytes);
  const { width, height, pixels, chroma } = radiograph;
  const decode = lap();
  const networkInput = preprocess(pixels, height, width, size);
  const placement = new Placement(height, width, size);
  const preprocessed = lap();
  const outputs = await engine.run(networkInput);
  const run = lap();
  const evidence = evidenceOf(contract, outputs.evidence);
  const decision = decide(app, contract, placement, outputs.probability, evidence);
  const foreign = foreignTo(app, contract, chroma, networkInput);
  const decided = lap();
  const shown = reduced(radiograph);
  const { bias, temperature } = taskOf(contract);
  const calibration = { bias: bias[0]!, temperature };
  const painted = painter.painted(shown.pixels, shown.height, shown.width, evidence, placement, calibration);
  const overlay = lap();
  const picture: Picture = { width: shown.width, height: shown.height, plain: painter.plain(shown.pixels), painted };
  return {
    width,
    height,
    format: radiograph.format,
    notes: radiograph.notes,
    ...(foreign !== undefined && { foreign }),
    decision,
    evidence: evidence.values,
    networkInput,
    picture,
    accelerator: engine.accelerator,
    timings: { decode, preprocess: preprocessed, run, decide: decided, overlay },
  };
}

/** Milliseconds since the last call. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const passed = now - last;
    last = now;
    return passed;
  };
}

function reduced({ width, height, pixels }: Radiograph): Pick<Radiograph, 'width' | 'height' | 'pixels'> {
  const scale = SHOWN_SIDE / Math.max(width, height);
  if (scale >= 1) return { width, height, pixels };
  const [rows, columns] = [height, width].map((side) => Math.max(1, Math.round(side * scale))) as [number, number];
  return { width: columns, height: rows, pixels: resample(pixels, height, width, rows, columns) };
}
