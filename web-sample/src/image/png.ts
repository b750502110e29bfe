/**
 * PNG -> samples, exactly as stored.
 *
 * Not by the browser: a canvas cuts 16 bits to 8 and applies colour profiles, and neither is what the model was trained on.
 */
import { decode, type DecodedPng } from 'fast-png';
import { chromaOf, toGrey, type Samples } from '../grey.ts';
import { checkSize, ImageError, type Radiograph } from '../radiograph.ts';
import { exifOrientation, upright } from './exif.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function recognisesPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, at) => bytes[at] === byte);
}

/** Decode a PNG; raises `ImageError`. */
export function decodePng(bytes: Uint8Array): Radiograph {
  const samples = pngSamples(bytes);
  const exif = chunk(bytes, 'eXIf');
  const orientation = exif ? exifOrientation(exif) : 1;
  const grey = { width: samples.width, height: samples.height, pixels: toGrey(samples) };
  return {
    ...upright(grey, orientation),
    format: 'PNG',
    notes: orientation > 1 ? [`EXIF orientation ${orientation} applied`] : [],
    chroma: chromaOf(samples),
  };
}

/** The samples of a PNG, palettes and transparent colours resolved; raises `ImageError`. */
export function pngSamples(bytes: Uint8Array): Samples {
  if (bytes.length < 33) throw new ImageError('damaged or truncated PNG file: no readable header');
  const header = new DataView(bytes.buffer, bytes.byteOffset);
  checkSize(header.getUint32(16), header.getUint32(20));
  let png: DecodedPng;
  try {
    png = decode(bytes, { checkCrc: true });
  } catch (error) {
    throw new ImageError(`damaged or truncated PNG file: ${(error as Error).message}`);
  }
  return png.palette ? fromPalette(png, png.palette) : fromSamples(png);
}

/** The content of the first chunk of that type. */
function chunk(bytes: Uint8Array, type: string): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === type) return bytes.subarray(at + 8, at + 8 + view.getUint32(at));
  }
  return undefined;
}

function fromPalette(png: DecodedPng, palette: readonly (readonly number[])[]): Samples {
  const { width, height } = png;
  const indices = unpacked(png);
  const channels = palette.some((colour) => colour.length === 4) ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  indices.forEach((index, pixel) => {
    const colour = palette[index];
    if (!colour) throw new ImageError('damaged PNG file: a colour that its palette does not have');
    data.set(colour, pixel * channels);
  });
  return { width, height, channels, data };
}

function fromSamples(png: DecodedPng): Samples {
  const { width, height, channels, depth } = png;
  const data = depth < 8 ? scaled(png) : png.data instanceof Uint16Array ? png.data : new Uint8Array(png.data);
  const samples = { width, height, channels, data };
  // of 16 bits the transparent colour is ignored, as in Python
  return png.transparency && depth === 8 ? withKey(samples, png.transparency) : samples;
}

function scaled(png: DecodedPng): Uint8Array {
  const factor = 255 / (2 ** png.depth - 1);
  return unpacked(png).map((value) => value * factor);
}

/** One value a byte, of samples that are packed several to a byte. */
function unpacked({ width, height, depth, data }: DecodedPng): Uint8Array {
  const line = Math.ceil((width * depth) / 8);
  const mask = 2 ** depth - 1;
  const values = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      const bit = x * depth;
      values[to] = (data[y * line + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return values;
}

/** One more channel: nought where all others are the transparent colour. */
function withKey({ width, height, channels, data }: Samples, key: Uint16Array): Samples {
  const wider = new Uint8Array(width * height * (channels + 1));
  for (let pixel = 0; pixel < width * height; pixel++) {
    const colour = data.subarray(pixel * channels, (pixel + 1) * channels);
    wider.set(colour, pixel * (channels + 1));
    wider[pixel * (channels + 1) + channels] = colour.every((value, channel) => value === key[channel]) ? 0 : 255;
  }
  return { width, height, channels: channels + 1, data: wider };
}
