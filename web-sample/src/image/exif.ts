/** How an image is to be turned before it is looked at. */

export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

const ORIENTATION = 0x0112;

/** Orientation, 1 to 8, of an EXIF block (a TIFF header and its first directory); 1 where it says none. */
export function exifOrientation(exif: Uint8Array): number {
  try {
    const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
    const little = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, little);
    const count = view.getUint16(directory, little);
    for (let at = directory + 2; at < directory + 2 + 12 * count; at += 12) {
      if (view.getUint16(at, little) !== ORIENTATION) continue;
      const value = view.getUint16(at + 8, little);
      return value >= 1 && value <= 8 ? value : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // unreadable EXIF says nothing about the pixels
  }
  return 1;
}

/** The raster as that orientation says that it is to be shown. */
export function upright(raster: Raster, orientation: number): Raster {
  if (orientation === 1) return raster;
  const { width, height, pixels } = raster;
  const turned = orientation >= 5;
  const [rows, columns] = turned ? [width, height] : [height, width];
  const made = new Uint8Array(pixels.length);
  for (let y = 0, to = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, to++) {
      const [along, down] = turned ? [y, x] : [x, y];
      const sourceX = [2, 3, 7, 8].includes(orientation) ? width - 1 - along : along;
      const sourceY = [3, 4, 6, 7].includes(orientation) ? height - 1 - down : down;
      made[to] = pixels[sourceY * width + sourceX]!;
    }
  }
  return { width: columns, height: rows, pixels: made };
}
