/**
 * Does this browser compute what the bundle promises?
 *
 * The page's own code must reproduce the golden vectors exactly, an accelerator within the tolerance that stands beside
 * each vector. One that doesn't is not used.
 */
import type { Assets } from './assets/load.ts';
import type { Vector } from './assets/goldens.ts';
import { taskOf } from './assets/contract.ts';
import { decide, type Decision } from './decision.ts';
import { evidenceOf, type Engine } from './engine.ts';
import { distance } from './familiarity.ts';
import { decodePng, pngSamples } from './image/png.ts';
import { Painter } from './overlay.ts';
import { Placement, preprocess } from './preprocess.ts';
import type { Radiograph } from './radiograph.ts';

const ROUNDED_TO_TENTH = 0.05 + 1e-6; // boxes and peaks stand in the goldens with one digit
const ROUNDED_TO_FOUR = 0.00005 + 1e-5; // shares with four, added up in another order
const CLOSE = 1e-6; // of a distance: logarithms differ in their last digits

/** What the code gets wrong on the golden vectors; no line where all is right. */
export function checkCode(assets: Assets): string[] {
  const painter = new Painter(assets.app.display);
  return assets.vectors.flatMap((vector) => {
    try {
      return checkVector(assets, vector, painter);
    } catch (error) {
      return [`${vector.name}: ${(error as Error).message}`];
    }
  });
}

/** What an accelerator gets wrong on the golden vectors, and the milliseconds that each run took. */
export async function checkEngine(assets: Assets, run: Engine['run']): Promise<{ problems: string[]; runs: number[] }> {
  const problems: string[] = [];
  const runs: number[] = [];
  for (const vector of assets.vectors) {
    const input = golden(assets, vector.input).pixels;
    const found = await run(input);
    runs.push(found.milliseconds);
    const pairs = [
      ['probability', found.probability, vector.probability, vector.probability_tolerance],
      ['evidence', found.evidence, vector.evidence.flat(2), vector.evidence_tolerance],
    ] as const;
    for (const [name, values, wanted, tolerance] of pairs) {
      const off = largestDifference(values, wanted);
      if (!(off <= tolerance))
        problems.push(`${vector.name}: ${name} is off by ${off.toPrecision(3)}, ${tolerance} at most`);
    }
  }
  return { problems, runs };
}

/** A golden's raster, as a radiograph. */
export function golden(assets: Assets, file: string): Radiograph {
  const bytes = assets.files.get(`golden/${file}`);
  if (!bytes) throw new Error(`golden/${file} is not listed in app.json`);
  return decodePng(bytes);
}

function checkVector(assets: Assets, vector: Vector, painter: Painter): string[] {
  const { app, contract } = assets;
  const size = contract.input.shape[1];
  const raster = golden(assets, vector.raster);
  const placement = new Placement(raster.height, raster.width, size);
  const input = preprocess(raster.pixels, raster.height, raster.width, size);
  const evidence = evidenceOf(contract, Float32Array.from(vector.evidence.flat(2)));
  const task = taskOf(contract);
  const calibration = { bias: task.bias[0]!, temperature: task.temperature };
  const picture = painter.painted(raster.pixels, raster.height, raster.width, evidence, placement, calibration);
  const differing: [string, number][] = [
    ['network input', differingBytes(input, golden(assets, vector.input).pixels)],
    ['overlay', differingFrom(picture, decodeRgb(assets, vector.overlay))],
  ];
  const decision = decide(app, contract, placement, vector.probability, evidence);
  const wrong = [
    ...differing.filter(([, count]) => count).map(([name, count]) => `${name} differs in ${count} bytes`),
    ...differences(decision, vector),
  ];
  if (contract.familiar && vector.distance !== null) {
    const far = distance(input, size, contract.familiar);
    if (!(Math.abs(far / vector.distance - 1) <= CLOSE)) wrong.push(`distance ${far} instead of ${vector.distance}`);
  }
  return wrong.map((line) => `${vector.name}: ${line}`);
}

function differences(found: Decision, wanted: Vector): string[] {
  const wrong: string[] = [];
  for (const key of ['positive', 'label', 'finding'] as const) {
    if (found[key] !== wanted[key]) wrong.push(`${key} ${found[key]} instead of ${wanted[key]}`);
  }
  if (!(largestDifference(found.peak, wanted.peak) <= ROUNDED_TO_TENTH)) wrong.push('peak elsewhere');
  if (found.regions.length !== wanted.regions.length) {
    return [...wrong, `${found.regions.length} regions instead of ${wanted.regions.length}`];
  }
  found.regions.forEach((region, index) => {
    const other = wanted.regions[index]!;
    const placed = largestDifference(region.box, other.box) <= ROUNDED_TO_TENTH;
    const weighed = largestDifference([region.logOdds, region.share], [other.log_odds, other.share]) <= ROUNDED_TO_FOUR;
    if (!placed || !weighed) wrong.push(`region ${index + 1} differs`);
  });
  return wrong;
}

/** Infinite for sequences of different lengths, and where there is a NaN. */
function largestDifference(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (found.length !== wanted.length) return Infinity;
  let most = 0;
  for (let at = 0; at < found.length; at++) {
    const off = Math.abs(found[at]! - wanted[at]!);
    if (Number.isNaN(off)) return Infinity;
    most = Math.max(most, off);
  }
  return most;
}

function differingBytes(found: Uint8Array, wanted: Uint8Array): number {
  let count = Math.abs(found.length - wanted.length);
  for (let at = 0; at < Math.min(found.length, wanted.length); at++) if (found[at] !== wanted[at]) count++;
  return count;
}

/** How many bytes of RGBA differ from RGB. */
function differingFrom(rgba: Uint8ClampedArray, rgb: Uint8Array): number {
  if (rgba.length / 4 !== rgb.length / 3) return rgb.length;
  let count = 0;
  for (let at = 0, from = 0; at < rgb.length; at += 3, from += 4) {
    for (let channel = 0; channel < 3; channel++) if (rgba[from + channel] !== rgb[at + channel]) count++;
  }
  return count;
}

function decodeRgb(assets: Assets, file: string): Uint8Array {
  return pngSamples(assets.files.get(`golden/${file}`)!).data as Uint8Array;
}
