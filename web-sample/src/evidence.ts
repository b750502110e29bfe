/**
 * The evidence map on the radiograph it speaks of.
 *
 * Its cells tile the S×S network input evenly, the zero padding around the radiograph included. Single precision is kept
 * by rounding every operation (`Math.fround`), so that Python's bytes come out.
 */
import type { Placement } from './preprocess.ts';

/** A map of single-precision numbers, row by row. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

const f = Math.fround;

/** One channel of an evidence tensor [rows, columns, channels]. */
export function channelOf(tensor: Float32Array, rows: number, columns: number, channel: number): Grid {
  const channels = tensor.length / (rows * columns);
  const values = Float32Array.from({ length: rows * columns }, (_, cell) => tensor[cell * channels + channel]!);
  return { rows, columns, values };
}

/** Calibrated log-odds per 1 % of the network input's area, of each cell. */
export function density(evidence: Grid, bias: number, temperature: number): Grid {
  const scale = f(100 * temperature);
  return { ...evidence, values: evidence.values.map((value) => f(f(value + f(bias)) / scale)) };
}

/** Whether a place of `map`, in a cell or between cells, can have `level` or more; rounding may add a last digit. */
export function mayReach(map: Grid, level: number): boolean {
  return map.values.some((value) => value >= level * (1 - 1e-5));
}

/** Centre [x, y] of the strongest cell whose centre lies on the radiograph, in pixels of the source raster. */
export function evidencePeak(evidence: Grid, placement: Placement): [number, number] {
  const { size, top, left, rows, columns } = placement;
  const down = centresWithin(evidence.rows, size, top, top + rows);
  const across = centresWithin(evidence.columns, size, left, left + columns);
  let [best, x, y] = [-Infinity, 0, 0];
  for (const row of down) {
    for (const column of across) {
      const value = evidence.values[row.cell * evidence.columns + column.cell]!;
      if (value > best) [best, x, y] = [value, column.centre, row.centre];
    }
  }
  return placement.toSource(x, y);
}

/** The map, linear between cell centres, on `height`×`width` samples spread over the radiograph. */
export function toRaster(evidence: Grid, placement: Placement, height: number, width: number): Float32Array {
  const across = betweenCells(evidence.columns, placement.size, placement.left, placement.columns, width);
  const down = betweenCells(evidence.rows, placement.size, placement.top, placement.rows, height);
  const lines = Array.from({ length: evidence.rows }, (_, row) => {
    const cells = evidence.values.subarray(row * evidence.columns, (row + 1) * evidence.columns);
    return across.low.map((low, x) => mixed(cells[low]!, cells[across.high[x]!]!, across.share[x]!));
  });
  const raster = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    const above = lines[down.low[y]!]!;
    const below = lines[down.high[y]!]!;
    const share = down.share[y]!;
    for (let x = 0, at = y * width; x < width; x++, at++) raster[at] = mixed(above[x]!, below[x]!, share);
  }
  return raster;
}

function mixed(low: number, high: number, share: number): number {
  return f(f(share * f(high - low)) + low);
}

/** Along one axis: for each sample the two cells it lies between, and how far from the lower one. */
function betweenCells(cells: number, size: number, start: number, extent: number, samples: number) {
  const low = new Float32Array(samples);
  const high = new Int32Array(samples);
  const share = new Float32Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    const position = start + ((sample + 0.5) * extent) / samples;
    const index = Math.min(Math.max((position * cells) / size - 0.5, 0), cells - 1);
    low[sample] = Math.floor(index);
    high[sample] = Math.min(low[sample]! + 1, cells - 1);
    share[sample] = index - low[sample]!;
  }
  return { low, high, share };
}

function centresWithin(cells: number, size: number, start: number, stop: number): { cell: number; centre: number }[] {
  const all = Array.from({ length: cells }, (_, cell) => ({ cell, centre: ((cell + 0.5) * size) / cells }));
  const inside = all.filter(({ centre }) => centre >= start && centre <= stop);
  if (inside.length) return inside;
  const middle = (start + stop) / 2;
  const nearest = Math.min(...all.map(({ centre }) => Math.abs(centre - middle)));
  return all.filter(({ centre }) => Math.abs(centre - middle) === nearest);
}
