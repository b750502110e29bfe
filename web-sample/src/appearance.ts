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
  const greys = new Int32Array(256);
  for (let at = 0; at < pixels.length; at++) greys[pixels[at]!]!++;
  const steep = steepness(image);
  const rough = roughness(image);
  const slope = (square: number): number => Math.sqrt(square) / 2;
  const [steepMiddle, steepHigh] = quantiles(steep.counts, steep.total, [0.5, 0.9], slope) as [number, number];
  const [roughHigh] = quantiles(rough.counts, rough.total, [0.9]) as [number];
  const textures = [steep.mean, steepHigh, steepMiddle, rough.mean, roughHigh];
  const border = borderOf(image);
  const borderMean = mean(border);
  const part = (subset: number, all: number): number => subset / all;
  return [
    ...quantiles(greys, pixels.length, QUANTILES).map((grey) => grey / 255),
    ...textures.map((value) => Math.log(value + LEAST)),
    entropy(greys, pixels.length),
    borderMean / 255,
    part(border.filter((value) => value < DARK).length, border.length),
    part(
      greys.subarray(0, DARK).reduce((sum, count) => sum + count, 0),
      pixels.length,
    ),
    (middleMean(image) - borderMean) / 255,
  ];
}

/** The bounding box of all pixels above 0. */
function shown(pixels: Uint8Array, size: number): Image {
  let [top, bottom, left, right] = [size, -1, size, -1];
  for (let y = 0; y < size; y++) {
    const line = pixels.subarray(y * size, (y + 1) * size);
    let first = 0;
    while (first < size && !line[first]) first++;
    if (first === size) continue;
    let last = size - 1;
    while (!line[last]) last--;
    if (bottom < 0) top = y;
    bottom = y;
    left = Math.min(left, first);
    right = Math.max(right, last);
  }
  const [height, width] = [Math.max(0, bottom - top + 1), Math.max(0, right - left + 1)];
  const cut = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * size + left;
    cut.set(pixels.subarray(from, from + width), y * width);
  }
  return { height, width, pixels: cut };
}

/** Whole numbers of a texture: how often each occurs, how many there are, and their mean. */
interface Texture {
  readonly counts: Int32Array;
  readonly total: number;
  readonly mean: number;
}

/** Of four times the square of the gradient by central differences, one-sided at the edges; the mean is the gradient's. */
function steepness({ height, width, pixels }: Image): Texture {
  counted.fill(0);
  let sum = 0;
  for (let y = 0, at = 0; y < height; y++) {
    const above = y > 0 ? width : 0;
    const below = y < height - 1 ? width : 0;
    const doubleY = above && below ? 1 : 2;
    for (let x = 0; x < width; x++, at++) {
      const before = x > 0 ? 1 : 0;
      const after = x < width - 1 ? 1 : 0;
      const down = doubleY * (pixels[at + below]! - pixels[at - above]!);
      const across = (before && after ? 1 : 2) * (pixels[at + after]! - pixels[at - before]!);
      const square = down * down + across * across;
      counted[square]!++;
      sum += Math.sqrt(square);
    }
  }
  return { counts: counted, total: pixels.length, mean: sum / pixels.length / 2 };
}

/** Of how far each inner place is from its four neighbours. */
function roughness({ height, width, pixels }: Image): Texture {
  const counts = new Int32Array(4 * 255 + 1);
  let sum = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1, at = y * width + 1; x < width - 1; x++, at++) {
      const around = pixels[at - width]! + pixels[at + width]! + pixels[at - 1]! + pixels[at + 1]!;
      const off = Math.abs(4 * pixels[at]! - around);
      counts[off]!++;
      sum += off;
    }
  }
  const total = (height - 2) * (width - 2);
  return { counts, total, mean: sum / total };
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

function mean(values: Uint8Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Quantiles, linear between neighbours, of whole numbers from how often each occurs, as `value` makes of them. */
function quantiles(
  occurring: Int32Array,
  total: number,
  wanted: number[],
  value: (number: number) => number = Number,
): number[] {
  const last = total - 1;
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
