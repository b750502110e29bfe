/**
 * `edgefrac.appearance/1`: how a network input looks, in 17 numbers.
 *
 * Of the part that is not black border: quantiles of grey, logarithms of how steep and how rough it is, its entropy, and
 * how its border and its middle differ.
 */

export const APPEARANCE = 'edgefrac.appearance/1';
const NUMBERS = 17;
const QUANTILES = [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98];
const DARK = 16;
const LEAST = 0.1; // grey levels; keeps the logarithm of a flat image finite

const STEEPEST = 2 * (2 * 255) ** 2;
const counted = new Int32Array(STEEPEST + 1); // kept, for making it anew costs more than the counting

interface Image {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/** The numbers of a network input [size, size]; all nought for one without a 3×3 part above 0. */
export function appearance(networkInput: Uint8Array, size: number): number[] {
  const image = shown(networkInput, size);
  const { height, width, pixels } = image;
  if (Math.min(height, width) < 3) return new Array<number>(NUMBERS).fill(0);
  const greys = counts(pixels, new Int32Array(256));
  const steep = squaredSteepness(image);
  const rough = roughness(image);
  const slope = (square: number): number => Math.sqrt(square) / 2;
  const [steepMiddle, steepHigh] = quantiles(counts(steep, counted), [0.5, 0.9], slope) as [number, number];
  const [roughHigh] = quantiles(counts(rough, counted), [0.9]) as [number];
  const textures = [mean(steep, slope), steepHigh, steepMiddle, mean(rough), roughHigh];
  const border = borderOf(image);
  const borderMean = mean(border);
  const part = (subset: number, all: number): number => subset / all;
  return [
    ...quantiles(greys, QUANTILES).map((grey) => grey / 255),
    ...textures.map((value) => Math.log(value + LEAST)),
    entropy(greys, pixels.length),
    borderMean / 255,
    part(border.filter((value) => value < DARK).length, border.length),
    part(greys.subarray(0, DARK).reduce((sum, count) => sum + count, 0), pixels.length),
    (middleMean(image) - borderMean) / 255,
  ];
}

/** The bounding box of all pixels above 0. */
function shown(pixels: Uint8Array, size: number): Image {
  let [top, bottom, left, right] = [size, -1, size, -1];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (!pixels[y * size + x]) continue;
      if (bottom < 0) top = y;
      bottom = y;
      if (x < left) left = x;
      if (x > right) right = x;
    }
  }
  const [height, width] = [Math.max(0, bottom - top + 1), Math.max(0, right - left + 1)];
  const cut = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * size + left;
    cut.set(pixels.subarray(from, from + width), y * width);
  }
  return { height, width, pixels: cut };
}

/** Four times the square of the gradient by central differences, one-sided at the edges. */
function squaredSteepness({ height, width, pixels }: Image): Int32Array {
  const squares = new Int32Array(pixels.length);
  for (let y = 0, at = 0; y < height; y++) {
    const above = y > 0 ? width : 0;
    const below = y < height - 1 ? width : 0;
    const doubleY = above && below ? 1 : 2;
    for (let x = 0; x < width; x++, at++) {
      const before = x > 0 ? 1 : 0;
      const after = x < width - 1 ? 1 : 0;
      const down = doubleY * (pixels[at + below]! - pixels[at - above]!);
      const across = (before && after ? 1 : 2) * (pixels[at + after]! - pixels[at - before]!);
      squares[at] = down * down + across * across;
    }
  }
  return squares;
}

/** How far each inner place is from its four neighbours. */
function roughness({ height, width, pixels }: Image): Int32Array {
  const found = new Int32Array((height - 2) * (width - 2));
  for (let y = 1, to = 0; y < height - 1; y++) {
    for (let x = 1, at = y * width + 1; x < width - 1; x++, at++, to++) {
      const around = pixels[at - width]! + pixels[at + width]! + pixels[at - 1]! + pixels[at + 1]!;
      found[to] = Math.abs(4 * pixels[at]! - around);
    }
  }
  return found;
}

function borderOf({ height, width, pixels }: Image): Uint8Array {
  const border = new Uint8Array(2 * width + 2 * height);
  border.set(pixels.subarray(0, width), 0);
  border.set(pixels.subarray((height - 1) * width), width);
  for (let y = 0; y < height; y++) {
    border[2 * width + y] = pixels[y * width]!;
    border[2 * width + height + y] = pixels[(y + 1) * width - 1]!;
  }
  return border;
}

function middleMean({ height, width, pixels }: Image): number {
  const [top, bottom] = [Math.floor(height / 4), Math.floor((3 * height) / 4)];
  const [left, right] = [Math.floor(width / 4), Math.floor((3 * width) / 4)];
  if (bottom <= top || right <= left) return mean(pixels);
  let sum = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) sum += pixels[y * width + x]!;
  }
  return sum / ((bottom - top) * (right - left));
}

function mean(values: Uint8Array | Int32Array, of: (value: number) => number = Number): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += of(values[at]!);
  return sum / values.length;
}

/** How often each whole number occurs, from 0 to the largest, to 255 at least; `into` is where they are counted. */
function counts(values: Uint8Array | Int32Array, into: Int32Array): Int32Array {
  let largest = 255;
  for (let at = 0; at < values.length; at++) if (values[at]! > largest) largest = values[at]!;
  const found = into.subarray(0, largest + 1).fill(0);
  for (let at = 0; at < values.length; at++) found[values[at]!]!++;
  return found;
}

/** Quantiles, linear between neighbours, of whole numbers from how often each occurs, as `value` makes of them. */
function quantiles(occurring: Int32Array, wanted: number[], value: (number: number) => number = Number): number[] {
  let last = -1;
  for (let at = 0; at < occurring.length; at++) last += occurring[at]!;
  return wanted.map((share) => {
    const position = share * last;
    const low = Math.floor(position);
    const one = value(ranked(occurring, low));
    const other = value(ranked(occurring, Math.min(low + 1, last)));
    return one + (position - low) * (other - one);
  });
}

/** The number at `index`, were all in order. */
function ranked(occurring: Int32Array, index: number): number {
  let number = 0;
  for (let below = occurring[0]!; below <= index; below += occurring[number]!) number++;
  return number;
}

/** As a part of the 8 bits that an image can have. */
function entropy(greys: Int32Array, pixels: number): number {
  let sum = 0;
  for (const count of greys) if (count) sum += (count / pixels) * Math.log2(count / pixels);
  return -sum / 8;
}
