/** Stored values -> 8-bit grey, in the order of PS3.4 N.2: modality LUT, VOI LUT or window, MONOCHROME1 inverted. */
import type { DataSet } from 'dicom-parser';
import { asPixel, found, integer, numbers, text, words } from './dicom-elements.ts';
import type { StoredValues } from './dicom-pixels.ts';
import { greyByLut, greyByRange, greyByWindow, lookUp, type Lut, type ToGrey } from './voi.ts';

const BONE = [400, 1800] as const; // center and width in HU, as CT consoles commonly set them

/** Grey of stored values, and which window made it. `scopes` are the file and then its functional groups. */
export function monochrome(
  scopes: DataSet[],
  stored: StoredValues['values'],
  inverted: boolean,
): { pixels: Uint8Array; notes: string[] } {
  const padded = paddedValues(scopes[0]!, stored);
  let [low, high] = [Infinity, -Infinity];
  for (const value of stored) {
    if (padded?.(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  // every step maps value by value, so it is done once for each value that can occur
  const modality = modalityOf(scopes);
  const values = Float64Array.from({ length: high - low + 1 }, (_, at) => modality(low + at));
  const { toGrey, note } = voiOf(scopes, values);
  const table = Uint8Array.from(values, (value) => (inverted ? 255 - toGrey(value) : toGrey(value)));
  const held = (value: number): number => Math.min(Math.max(value, low), high) - low;
  const pixels = new Uint8Array(stored.length);
  stored.forEach((value, at) => (pixels[at] = padded?.(value) ? 0 : table[held(value)]!));
  return { pixels, notes: inverted ? [note, 'MONOCHROME1 inverted'] : [note] };
}

/** Which values are pixel padding (PS3.3 C.7.5.1.1.2); undefined where there is none, or all would be. */
function paddedValues(file: DataSet, stored: StoredValues['values']): ((value: number) => boolean) | undefined {
  const one = asPixel(file, file, 'x00280120');
  if (one === undefined) return undefined;
  const other = asPixel(file, file, 'x00280121') ?? one;
  const [low, high] = [Math.min(one, other), Math.max(one, other)];
  const isPadded = (value: number): boolean => value >= low && value <= high;
  return stored.every(isPadded) ? undefined : isPadded;
}

function modalityOf(scopes: DataSet[]): ToGrey {
  const lut = lutOf(scopes, 'x00283000');
  if (lut) return (value) => lookUp(lut, value);
  const [slope] = numbers(scopes, 'x00281053');
  const [intercept] = numbers(scopes, 'x00281052');
  return slope !== undefined && intercept !== undefined ? (value) => value * slope + intercept : (value) => value;
}

function voiOf(scopes: DataSet[], values: Float64Array): { toGrey: ToGrey; note: string } {
  const lut = lutOf(scopes, 'x00283010');
  if (lut) return { toGrey: greyByLut(lut), note: 'VOI LUT of the file' };
  const own = windowOf(scopes);
  if (own) return { toGrey: own, note: 'window of the file' };
  // without rescale, the values of a CT file are no Hounsfield units
  if (text(scopes[0]!, 'x00080060') === 'CT' && numbers(scopes, 'x00281052').length) {
    return { toGrey: greyByWindow(...BONE)!, note: `CT bone window ${BONE.join()}: the file has none` };
  }
  const [least, most] = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  return { toGrey: greyByRange(least!, most!), note: 'no window in the file: smallest to largest value' };
}

/** The file's first window; undefined if it has none or an impossible one. */
function windowOf(scopes: DataSet[]): ToGrey | undefined {
  const [center] = numbers(scopes, 'x00281050');
  const [width] = numbers(scopes, 'x00281051');
  if (center === undefined || width === undefined) return undefined;
  const kind = found(scopes, 'x00281056')?.scope.string('x00281056')?.trim().toUpperCase();
  return greyByWindow(center, width, kind);
}

/** The first table of a LUT sequence; 8-bit entries may be packed two to a word (PS3.3 C.11.1.1.1). */
function lutOf(scopes: DataSet[], tag: string): Lut | undefined {
  const item = found(scopes, tag)?.element.items?.[0]?.dataSet;
  const data = item?.elements['x00283006'];
  if (!item || !data || !item.elements['x00283002']) return undefined;
  const count = integer(item, 'x00283002', 0) || 65536;
  const first = asPixel(scopes[0]!, item, 'x00283002', 1)!;
  const bits = item.uint16('x00283002', 2)!;
  const packed = words(item, data);
  const entries = packed.length >= count ? packed : new Uint8Array(packed.buffer);
  if (entries.length < count) throw new Error('lookup table shorter than it says');
  return { first, entries: entries.subarray(0, count), bits };
}
