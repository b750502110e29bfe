/**
 * `edgefrac.preprocess/1`: radiograph -> network input, in whole numbers only.
 *
 * The longer side becomes S pixels: by area where an axis shrinks, linearly between pixel centres where it grows; both
 * axes are summed exactly, then divided once, and the result is centred on S×S zeros. Every sum stays below 2^53.
 */

/** Where a raster of `height`×`width` pixels lies in the S×S network input. */
export class Placement {
  readonly rows: number;
  readonly columns: number;
  readonly top: number;
  readonly left: number;

  constructor(
    readonly height: number,
    readonly width: number,
    readonly size: number,
  ) {
    const longer = Math.max(height, width);
    const resized = (side: number): number => Math.max(1, Math.floor((2 * side * size + longer) / (2 * longer)));
    this.rows = resized(height);
    this.columns = resized(width);
    this.top = Math.floor((size - this.rows) / 2);
    this.left = Math.floor((size - this.columns) / 2);
  }

  /** Input coordinates (pixels, 0 = left or top edge) -> raster coordinates, held on the raster. */
  toSource(x: number, y: number): [number, number] {
    const sourceX = ((x - this.left) * this.width) / this.columns;
    const sourceY = ((y - this.top) * this.height) / this.rows;
    return [Math.min(Math.max(sourceX, 0), this.width), Math.min(Math.max(sourceY, 0), this.height)];
  }
}

/** `pixels` [height, width] with its longer side resized to `size`, centred on zeros: [size, size]. */
export function preprocess(pixels: Uint8Array, height: number, width: number, size: number): Uint8Array {
  const { rows, columns, top, left } = new Placement(height, width, size);
  const resized = resample(pixels, height, width, rows, columns);
  const field = new Uint8Array(size * size);
  for (let row = 0; row < rows; row++) {
    field.set(resized.subarray(row * columns, (row + 1) * columns), (top + row) * size + left);
  }
  return field;
}

/** `pixels` [height, width] at another size: [rows, columns]. */
export function resample(pixels: Uint8Array, height: number, width: number, rows: number, columns: number): Uint8Array {
  if (rows === height && columns === width) return pixels;
  const down = tapsOf(height, rows);
  const across = tapsOf(width, columns);
  const total = down.total * across.total;
  const made = new Uint8Array(rows * columns);
  const sums = new Int32Array(width);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let tap = down.starts[row]!; tap < down.starts[row + 1]!; tap++) {
      const weight = down.weights[tap]!;
      const source = down.inputs[tap]! * width;
      for (let x = 0; x < width; x++) sums[x]! += weight * pixels[source + x]!;
    }
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let tap = across.starts[column]!; tap < across.starts[column + 1]!; tap++) {
        sum += across.weights[tap]! * sums[across.inputs[tap]!]!;
      }
      made[row * columns + column] = Math.floor((2 * sum + total) / (2 * total));
    }
  }
  return made;
}

/** The inputs of each output along one axis: those of output j are `starts[j]` to `starts[j + 1]`, weights add up to `total`. */
interface Taps {
  readonly starts: Int32Array;
  readonly inputs: Int32Array;
  readonly weights: Int32Array;
  readonly total: number;
}

const known = new Map<string, Taps>();
const KEPT = 16;

function tapsOf(inputs: number, outputs: number): Taps {
  const key = `${inputs}>${outputs}`;
  let taps = known.get(key);
  if (!taps) {
    taps = outputs === inputs ? same(inputs) : outputs < inputs ? byArea(inputs, outputs) : linear(inputs, outputs);
    if (known.size >= KEPT) known.clear();
    known.set(key, taps);
  }
  return taps;
}

function same(length: number): Taps {
  const starts = Int32Array.from({ length: length + 1 }, (_, index) => index);
  return { starts, inputs: starts.subarray(0, length), weights: new Int32Array(length).fill(1), total: 1 };
}

/** In units of 1/outputs pixel, output j covers [j·inputs, (j+1)·inputs) and input i covers [i·outputs, (i+1)·outputs). */
function byArea(inputs: number, outputs: number): Taps {
  const starts = new Int32Array(outputs + 1);
  const covered: number[] = [];
  const weights: number[] = [];
  for (let output = 0; output < outputs; output++) {
    const from = output * inputs;
    const to = from + inputs;
    for (let input = Math.floor(from / outputs); input * outputs < to; input++) {
      covered.push(input);
      weights.push(Math.min((input + 1) * outputs, to) - Math.max(input * outputs, from));
    }
    starts[output + 1] = covered.length;
  }
  return { starts, inputs: Int32Array.from(covered), weights: Int32Array.from(weights), total: inputs };
}

/** Output j sits at p = (2j+1)·inputs - outputs, in units of 1/(2·outputs) from the centre of input 0. */
function linear(inputs: number, outputs: number): Taps {
  const starts = Int32Array.from({ length: outputs + 1 }, (_, index) => 2 * index);
  const neighbours = new Int32Array(2 * outputs);
  const weights = new Int32Array(2 * outputs);
  const held = (input: number): number => Math.min(Math.max(input, 0), inputs - 1);
  for (let output = 0; output < outputs; output++) {
    const position = (2 * output + 1) * inputs - outputs;
    const low = Math.floor(position / (2 * outputs));
    const rest = position - low * 2 * outputs;
    neighbours.set([held(low), held(low + 1)], 2 * output);
    weights.set([2 * outputs - rest, rest], 2 * output);
  }
  return { starts, inputs: neighbours, weights, total: 2 * outputs };
}
