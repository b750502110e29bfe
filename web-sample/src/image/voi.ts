/** Values -> grey for display, as DICOM PS3.3 C.11.1 (modality LUT) and C.11.2 (VOI LUT, windows) order it. */
import { roundHalfToEven } from '../regions.ts';

export type ToGrey = (value: number) => number;

/** A lookup table: value `first` maps to `entries[0]`, values outside it to its nearest end. */
export interface Lut {
  readonly first: number;
  readonly entries: ArrayLike<number>;
  readonly bits: number;
}

export function lookUp({ first, entries }: Lut, value: number): number {
  return entries[Math.min(Math.max(roundHalfToEven(value) - first, 0), entries.length - 1)]!;
}

/** The table's nominal range, 0 to 2^bits - 1, becomes 0 to 255. */
export function greyByLut(lut: Lut): ToGrey {
  const scaled = greyByRange(0, 2 ** lut.bits - 1);
  return (value) => scaled(lookUp(lut, value));
}

/** `low` to `high` becomes 0 to 255; all is 0 if the range is empty. */
export function greyByRange(low: number, high: number): ToGrey {
  return high <= low ? () => 0 : (value) => toByte((value - low) / (high - low));
}

/** A window; `kind` is LINEAR, LINEAR_EXACT or SIGMOID. Undefined for one whose width the standard forbids. */
export function greyByWindow(center: number, width: number, kind = 'LINEAR'): ToGrey | undefined {
  if (kind === 'SIGMOID' || kind === 'LINEAR_EXACT') {
    if (!(width > 0)) return undefined;
    if (kind === 'SIGMOID') return (value) => toByte(1 / (1 + Math.exp((-4 * (value - center)) / width)));
    return (value) => toByte((value - center) / width + 0.5);
  }
  if (!(width >= 1)) return undefined;
  if (width === 1) return (value) => (value - center > -0.5 ? 255 : 0);
  return (value) => toByte((value - center + 0.5) / (width - 1) + 0.5);
}

function toByte(share: number): number {
  return Math.floor(Math.min(Math.max(share, 0), 1) * 255 + 0.5);
}
