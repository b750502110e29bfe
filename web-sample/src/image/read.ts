/** File -> radiograph. What a file is, its content says, never its name. */
import { ImageError, type Radiograph } from '../radiograph.ts';
import { decodeDicom, recognisesDicom } from './dicom.ts';
import { decodeJpeg, recognisesJpeg } from './jpeg.ts';
import { decodePng, recognisesPng } from './png.ts';

const MAX_BYTES = 2 ** 29;

/** Read the bytes of one file; raises `ImageError`. */
export async function readRadiograph(bytes: Uint8Array<ArrayBuffer>): Promise<Radiograph> {
  if (bytes.length > MAX_BYTES) throw new ImageError(`larger than ${MAX_BYTES >> 20} MiB, not read`);
  if (recognisesPng(bytes)) return decodePng(bytes);
  if (recognisesJpeg(bytes)) return decodeJpeg(bytes);
  if (recognisesDicom(bytes)) return decodeDicom(bytes);
  throw new ImageError(described(bytes), 'PNG, JPEG and DICOM files can be read');
}

function described(bytes: Uint8Array): string {
  if (!bytes.length) return 'empty file (0 bytes)';
  const isText = bytes.subarray(0, 512).every((byte) => byte >= 0x20 || [9, 10, 12, 13].includes(byte));
  return isText ? 'text, not an image' : 'not an image of a known format';
}
