/** A radiograph: one image as read, 8-bit grey, and never anything about a patient. */
export interface Radiograph {
  readonly width: number;
  readonly height: number;
  /** Row by row, 0 is black. */
  readonly pixels: Uint8Array;
  readonly format: 'PNG' | 'JPEG' | 'DICOM';
  /** What had to be done or accepted on reading. */
  readonly notes: readonly string[];
  /** How coloured the file was, 0 to 1. */
  readonly chroma: number;
}

/** A file that cannot be read as a radiograph; the message says why, the hint what to do. */
export class ImageError extends Error {
  constructor(
    message: string,
    readonly hint = '',
  ) {
    super(message);
  }
}

const MIN_SIDE = 16;
const MAX_SIDE = 20_000; // keeps the sums of preprocess.ts exact
const MAX_PIXELS = 80_000_000;

/** Refuse a size before anything is decoded. */
export function checkSize(width: number, height: number): void {
  const size = `${width}×${height} pixels`;
  if (Math.min(width, height) < MIN_SIDE) {
    throw new ImageError(`${size} are too few; each side needs at least ${MIN_SIDE}`);
  }
  if (Math.max(width, height) > MAX_SIDE || width * height > MAX_PIXELS) {
    throw new ImageError(`${size} are too many`, `at most ${MAX_SIDE} a side and ${MAX_PIXELS / 1e6} megapixels`);
  }
}
