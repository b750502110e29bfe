/** The pixel data of the first frame, decompressed: stored values, as PS3.5 8 lays them out. */
import dicomParser, { type DataSet } from 'dicom-parser';
import { Decoder } from 'jpeg-lossless-decoder-js';
import { ImageError } from '../radiograph.ts';
import { integer, text } from './dicom-elements.ts';
import { browserPixels, inspectJpeg } from './jpeg.ts';
import { rleBytes } from './rle.ts';

export const CONVERT = 'convert it to an uncompressed transfer syntax, for instance Explicit VR Little Endian';

export interface StoredValues {
  readonly values: Uint8Array | Int8Array | Uint16Array | Int16Array;
  /** 1, or 3 for red, green and blue, pixel by pixel. */
  readonly channels: 1 | 3;
  readonly notes: readonly string[];
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly channels: 1 | 3;
  /** Bytes of a sample. */
  readonly bytes: 1 | 2;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly isSigned: boolean;
  /** Whether red, green and blue each come as a whole. */
  readonly isPlanar: boolean;
}

const UNCOMPRESSED = { '1.2.840.10008.1.2': true, '1.2.840.10008.1.2.1': true, '1.2.840.10008.1.2.2': false } as const;
const RLE = '1.2.840.10008.1.2.5';
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';
const JPEG_LOSSLESS = ['1.2.840.10008.1.2.4.57', '1.2.840.10008.1.2.4.70'];
const NAMES: Readonly<Record<string, string>> = {
  '1.2.840.10008.1.2.1.99': 'deflated',
  '1.2.840.10008.1.2.4.51': 'JPEG with 12 bits',
  '1.2.840.10008.1.2.4.57': 'JPEG lossless in colour',
  '1.2.840.10008.1.2.4.70': 'JPEG lossless in colour',
  '1.2.840.10008.1.2.4.80': 'JPEG-LS',
  '1.2.840.10008.1.2.4.81': 'JPEG-LS',
  '1.2.840.10008.1.2.4.90': 'JPEG 2000',
  '1.2.840.10008.1.2.4.91': 'JPEG 2000',
  '1.2.840.10008.1.2.4.201': 'High-Throughput JPEG 2000',
  '1.2.840.10008.1.2.4.202': 'High-Throughput JPEG 2000',
  '1.2.840.10008.1.2.4.203': 'High-Throughput JPEG 2000',
};

/** Stored values of the first frame; raises `ImageError`, and whatever a decoder raises. */
export async function storedValues(
  file: DataSet,
  width: number,
  height: number,
  frames: number,
): Promise<StoredValues> {
  const layout = layoutOf(file, width, height, frames);
  const syntax = text(file, 'x00020010');
  if (syntax in UNCOMPRESSED) {
    const isLittle = UNCOMPRESSED[syntax as keyof typeof UNCOMPRESSED];
    return asStored(plainBytes(file, layout), layout, isLittle, layout.highBit);
  }
  if (syntax === RLE) {
    const bytes = rleBytes(frame(file, frames), width * height, layout.channels, layout.bytes);
    return asStored(bytes, { ...layout, isPlanar: false }, true, layout.highBit);
  }
  // JPEG puts its samples at the low end, whatever the high bit says
  const low = layout.bitsStored - 1;
  if (JPEG_LOSSLESS.includes(syntax) && layout.channels === 1) {
    const jpeg = frame(file, frames).slice();
    const bytes = new Uint8Array(new Decoder().decompress(jpeg.buffer, 0, jpeg.length)).slice();
    return asStored(bytes, layout, true, low);
  }
  if (syntax === JPEG_BASELINE) return baseline(frame(file, frames).slice(), layout);
  throw new ImageError(
    `DICOM file with a compression that cannot be read here (${NAMES[syntax] ?? 'unknown'})`,
    CONVERT,
  );
}

function layoutOf(file: DataSet, width: number, height: number, frames: number): Layout {
  const channels = integer(file, 'x00280002', 1);
  const bits = integer(file, 'x00280100', 16);
  const bitsStored = integer(file, 'x00280101', bits);
  const photometric = text(file, 'x00280004');
  const isGrey = channels === 1 && ['MONOCHROME1', 'MONOCHROME2'].includes(photometric) && (bits === 8 || bits === 16);
  const isJpegColour = photometric.startsWith('YBR') && text(file, 'x00020010') === JPEG_BASELINE;
  const isColour = channels === 3 && (photometric === 'RGB' || isJpegColour) && bits === 8;
  if (!isGrey && !isColour) {
    throw new ImageError(
      'DICOM file with a pixel format that is not supported',
      'grey of 8 or 16 bits, or RGB of 8, can be read',
    );
  }
  return {
    width,
    height,
    frames,
    channels: isColour ? 3 : 1,
    bytes: bits === 8 ? 1 : 2,
    bitsStored,
    highBit: integer(file, 'x00280102', bitsStored - 1),
    isSigned: integer(file, 'x00280103', 0) === 1,
    isPlanar: isColour && integer(file, 'x00280006', 0) === 1,
  };
}

function plainBytes(file: DataSet, { width, height, frames, channels, bytes }: Layout): Uint8Array {
  const { dataOffset, length } = file.elements['x7fe00010']!;
  const size = width * height * channels * bytes;
  const there = Math.min(length, file.byteArray.length - dataOffset);
  if (there < size * frames)
    throw new ImageError(`truncated DICOM file: ${there} of ${size * frames} bytes of pixel data`);
  return file.byteArray.slice(dataOffset, dataOffset + size);
}

/** The compressed bytes of the first frame. */
function frame(file: DataSet, frames: number): Uint8Array {
  const element = file.elements['x7fe00010']!;
  if (frames > 1 && element.basicOffsetTable?.length)
    return dicomParser.readEncapsulatedImageFrame(file, element, 0) as Uint8Array;
  const fragments = frames > 1 ? 1 : (element.fragments?.length ?? 0);
  return dicomParser.readEncapsulatedPixelDataFromFragments(file, element, 0, fragments) as Uint8Array;
}

async function baseline(jpeg: Uint8Array<ArrayBuffer>, { width, height, channels }: Layout): Promise<StoredValues> {
  inspectJpeg(jpeg);
  const picture = await browserPixels(jpeg);
  if (picture.width !== width || picture.height !== height)
    throw new ImageError('damaged DICOM file: its JPEG has another size');
  const values = new Uint8Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < channels; channel++)
      values[pixel * channels + channel] = picture.data[pixel * 4 + channel]!;
  }
  return { values, channels, notes: [] };
}

/** Bytes -> samples, of which only the stored bits count (PS3.5 8.1.1). */
function asStored(bytes: Uint8Array, layout: Layout, isLittle: boolean, highBit: number): StoredValues {
  const { width, height, channels, isSigned, isPlanar } = layout;
  if (bytes.length < width * height * channels * layout.bytes) throw new Error('fewer samples than pixels');
  if (channels === 3) {
    const plane = width * height;
    const values = isPlanar ? bytes.map((_, at) => bytes[(at % 3) * plane + Math.floor(at / 3)]!) : bytes;
    return { values, channels, notes: [] };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const raw =
    layout.bytes === 1
      ? bytes
      : Uint16Array.from({ length: width * height }, (_, at) => view.getUint16(2 * at, isLittle));
  const bits = 8 * layout.bytes;
  const low = highBit - layout.bitsStored + 1;
  const isPart = layout.bitsStored > 0 && layout.bitsStored < bits && low >= 0 && highBit < bits;
  const above = isPart ? bits - 1 - highBit : 0;
  const kept = isPart ? layout.bitsStored : bits;
  // shifted to the top of 32 bits and back down, so that a signed type brings its sign along
  const lift = 32 - bits + above;
  const cut = isSigned
    ? (word: number) => (word << lift) >> (32 - kept)
    : (word: number) => (word << lift) >>> (32 - kept);
  const mask = 2 ** bits - 1;
  const beside = mask ^ (((2 ** kept - 1) << (isPart ? low : 0)) & mask);
  const isClean = (word: number): boolean => !(word & beside) || ((cut(word) << (isPart ? low : 0)) & mask) === word;
  const notes = raw.every(isClean) ? [] : [`bits beside the ${kept} stored ones ignored`];
  return { values: emptyOf(layout, raw.length).map((_, at) => cut(raw[at]!)), channels, notes };
}

function emptyOf({ bytes, isSigned }: Layout, length: number): StoredValues['values'] {
  if (bytes === 1) return isSigned ? new Int8Array(length) : new Uint8Array(length);
  return isSigned ? new Int16Array(length) : new Uint16Array(length);
}
