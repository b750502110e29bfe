/**
 * DICOM -> radiograph, in the order of the standard: modality LUT, VOI LUT or window, MONOCHROME1 inverted, 8 bit.
 *
 * Only elements that describe the picture are looked at. No message quotes the file, since it may name a patient.
 */
import dicomParser, { type DataSet } from 'dicom-parser';
import { toGrey } from '../grey.ts';
import { checkSize, ImageError, type Radiograph } from '../radiograph.ts';
import { integer, numbers, scopesOf, text } from './dicom-elements.ts';
import { monochrome } from './dicom-display.ts';
import { CONVERT, storedValues } from './dicom-pixels.ts';

export function recognisesDicom(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(128, 132)) === 'DICM';
}

/** Decode a file's only or first frame; raises `ImageError`. */
export async function decodeDicom(bytes: Uint8Array<ArrayBuffer>): Promise<Radiograph> {
  try {
    return await decoded(dicomParser.parseDicom(bytes));
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError('damaged DICOM file, or compressed in a way that is not supported', CONVERT);
  }
}

async function decoded(file: DataSet): Promise<Radiograph> {
  if (!file.elements['x7fe00010']) {
    throw new ImageError('DICOM file without pixel data', 'a report, a plan or a directory, not an image');
  }
  const [width, height] = [integer(file, 'x00280011', 0), integer(file, 'x00280010', 0)];
  checkSize(width, height);
  const frames = Math.max(1, numbers([file], 'x00280008')[0] ?? 1);
  const notes = frames > 1 ? [`first of ${frames} frames`] : [];
  const stored = await storedValues(file, width, height, frames);
  notes.push(...stored.notes);
  let pixels: Uint8Array;
  if (stored.channels === 3) {
    pixels = toGrey({ width, height, channels: 3, data: stored.values as Uint8Array });
    notes.push('colour converted to grey');
  } else {
    const shown = monochrome(scopesOf(file), stored.values, text(file, 'x00280004') === 'MONOCHROME1');
    pixels = shown.pixels;
    notes.push(...shown.notes);
  }
  return { width, height, pixels, format: 'DICOM', notes, chroma: 0 };
}
