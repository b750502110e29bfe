/** JPEG, decoded by the browser. What it may not be trusted with, its header tells before. */
import { chromaOf, toGrey } from '../grey.ts';
import { checkSize, ImageError, type Radiograph } from '../radiograph.ts';
import { exifOrientation } from './exif.ts';

export function recognisesJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** EXIF's, 1 to 8. */
  readonly orientation: number;
}

/** Decode a JPEG; browsers turn it as its EXIF says. Raises `ImageError`. */
export async function decodeJpeg(bytes: Uint8Array<ArrayBuffer>): Promise<Radiograph> {
  const { orientation } = inspectJpeg(bytes);
  const { width, height, data } = await browserPixels(bytes);
  const samples = { width, height, channels: 4, data: new Uint8Array(data.buffer) };
  const notes = orientation > 1 ? [`EXIF orientation ${orientation} applied`] : [];
  return { width, height, pixels: toGrey(samples), format: 'JPEG', notes, chroma: chromaOf(samples) };
}

/** Red, green, blue and alpha as the browser decodes them; raises `ImageError`. */
export async function browserPixels(jpeg: Uint8Array<ArrayBuffer>): Promise<ImageData> {
  checkCanvas();
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([jpeg], { type: 'image/jpeg' }), { colorSpaceConversion: 'none' });
  } catch {
    throw new ImageError('damaged JPEG file, or of a kind that this browser does not decode');
  }
  const context = contextOf(bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, context.canvas.width, context.canvas.height);
}

/** Size and kind, and whether the file goes on to its end; raises `ImageError`. */
export function inspectJpeg(bytes: Uint8Array): JpegHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let size: { width: number; height: number; components: number } | undefined;
  let orientation = 1;
  let at = 2;
  while (at + 4 <= bytes.length) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff) throw new ImageError('damaged JPEG file');
    if (marker === 0xd9) break;
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const length = view.getUint16(at + 2);
    const content = bytes.subarray(at + 4, at + 2 + length);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker) && content.length >= 6) {
      size ??= { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: content[5]! };
    }
    if (marker === 0xe1 && String.fromCharCode(...content.subarray(0, 4)) === 'Exif') {
      orientation = exifOrientation(content.subarray(6));
    }
    at += 2 + length;
    if (marker === 0xda) at = endOfScan(bytes, at);
  }
  if (!size) throw new ImageError('damaged or truncated JPEG file: no readable header');
  checkSize(size.width, size.height);
  if (bytes[at] !== 0xff || bytes[at + 1] !== 0xd9) throw new ImageError('truncated JPEG file', 'get it again, whole');
  if (size.components === 4) throw new ImageError('JPEG file for print (CMYK)', 'save it as grey or RGB');
  return { ...size, orientation };
}

/** Where the entropy-coded data that begins at `at` ends. */
function endOfScan(bytes: Uint8Array, at: number): number {
  for (; at + 1 < bytes.length; at++) {
    const next = bytes[at + 1]!;
    if (bytes[at] === 0xff && next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return bytes.length;
}

function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true, alpha: false });
  if (!context) throw new ImageError('this browser has no canvas to decode JPEG files on', 'save it as PNG');
  return context;
}

/** Some browsers alter what is read from a canvas, against tracking; then no pixel can be trusted. */
function checkCanvas(): void {
  const context = contextOf(16, 16);
  const pattern = context.createImageData(16, 16);
  pattern.data.forEach((_, at) => (pattern.data[at] = at % 4 === 3 ? 255 : (at * 37) % 256));
  context.putImageData(pattern, 0, 0);
  const found = context.getImageData(0, 0, 16, 16).data;
  if (!found.every((value, at) => value === pattern.data[at])) {
    throw new ImageError(
      'this browser alters pixels that are read from a canvas, so JPEG files cannot be read',
      'save it as PNG',
    );
  }
}
