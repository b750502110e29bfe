/** RLE Lossless (PS3.5 G): one frame's segments, each a plane of bytes, packed as PackBits. */

/** The samples' bytes, little-endian, pixel by pixel; raises where the segments don't fit. */
export function rleBytes(frame: Uint8Array, pixels: number, channels: number, bytes: number): Uint8Array {
  const header = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const count = header.getUint32(0, true);
  if (count !== channels * bytes) throw new Error('another number of segments than samples have bytes');
  const made = new Uint8Array(pixels * count);
  for (let segment = 0; segment < count; segment++) {
    const start = header.getUint32(4 + 4 * segment, true);
    const stop = segment + 1 < count ? header.getUint32(8 + 4 * segment, true) : frame.length;
    // the most significant byte of a sample comes first
    const offset = Math.floor(segment / bytes) * bytes + (bytes - 1 - (segment % bytes));
    unpack(frame.subarray(start, stop), made, offset, count, pixels);
  }
  return made;
}

function unpack(packed: Uint8Array, made: Uint8Array, offset: number, step: number, pixels: number): void {
  let [at, pixel] = [0, 0];
  while (pixel < pixels) {
    const control = packed[at++];
    if (control === undefined) throw new Error('segment ends early');
    if (control === 128) continue;
    const isRun = control > 128;
    const length = isRun ? 257 - control : control + 1;
    for (let index = 0; index < length && pixel < pixels; index++, pixel++) {
      const value = packed[isRun ? at : at + index];
      if (value === undefined) throw new Error('segment ends early');
      made[pixel * step + offset] = value;
    }
    at += isRun ? 1 : length;
  }
}
