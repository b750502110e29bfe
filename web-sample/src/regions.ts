/** Where an evidence map speaks for a fracture: regions as boxes on the radiograph, each with its part of the evidence. */
import type { Display } from './assets/app.ts';
import { density, mayReach, toRaster, type Grid } from './evidence.ts';
import type { Placement } from './preprocess.ts';

export interface Region {
  /** x, y, width and height in pixels of the source raster. */
  readonly box: readonly [number, number, number, number];
  /** What the region adds to the log-odds of a fracture. */
  readonly logOdds: number;
  /** Its part of all that speaks for a fracture. */
  readonly share: number;
}

const LONGER_SIDE = 512; // samples along which regions are outlined
const f = Math.fround;

/** Connected places of `outline` or more that add `least` or more, strongest first. */
export function evidenceRegions(
  evidence: Grid,
  placement: Placement,
  { bias, temperature }: { readonly bias: number; readonly temperature: number },
  { outline, least }: Pick<Display, 'outline' | 'least'>,
): Region[] {
  const calibrated = density(evidence, bias, temperature);
  if (!mayReach(calibrated, outline)) return [];
  const scale = Math.min(1, LONGER_SIDE / Math.max(placement.height, placement.width));
  const height = Math.max(1, roundHalfToEven(placement.height * scale));
  const width = Math.max(1, roundHalfToEven(placement.width * scale));
  const added = toRaster(calibrated, placement, height, width);
  // from a density to what each sample adds
  const area = placement.rows * placement.columns;
  const factor = f((100 * area) / placement.size ** 2 / added.length);
  const from = f((outline * 100 * area) / placement.size ** 2 / added.length);
  let speaking = 0;
  for (let at = 0; at < added.length; at++) {
    const value = f(added[at]! * factor);
    added[at] = value;
    if (value > 0) speaking += value;
  }
  const down = placement.height / height;
  const across = placement.width / width;
  return connected(added, height, width, from)
    .filter(({ sum }) => sum >= least)
    .map(({ sum, top, bottom, left, right }): Region => ({
      box: [left * across, top * down, (right - left) * across, (bottom - top) * down],
      logOdds: sum,
      share: sum / speaking,
    }))
    .sort((one, other) => other.logOdds - one.logOdds);
}

interface Part {
  sum: number;
  top: number;
  /** First row below. */
  bottom: number;
  left: number;
  /** First column to the right. */
  right: number;
}

/** Places of `from` or more that touch, also at corners, in reading order. */
function connected(values: Float32Array, height: number, width: number, from: number): Part[] {
  const seen = new Uint8Array(values.length);
  const parts: Part[] = [];
  const open: number[] = [];
  const visit = (at: number): void => {
    if (seen[at] || values[at]! < from) return;
    seen[at] = 1;
    open.push(at);
  };
  for (let start = 0; start < values.length; start++) {
    if (seen[start] || values[start]! < from) continue;
    const part: Part = { sum: 0, top: height, bottom: 0, left: width, right: 0 };
    visit(start);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const y = Math.floor(at / width);
      const x = at - y * width;
      part.sum += values[at]!;
      part.top = Math.min(part.top, y);
      part.bottom = Math.max(part.bottom, y + 1);
      part.left = Math.min(part.left, x);
      part.right = Math.max(part.right, x + 1);
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++)
          visit(row * width + column);
      }
    }
    parts.push(part);
  }
  return parts;
}

/** As Python rounds. */
export function roundHalfToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}
