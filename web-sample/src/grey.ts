/**
 * Samples of any depth and colour -> 8-bit grey: the part of `edgefrac.preprocess/1` before the resize.
 *
 * In whole numbers: luma (77·R + 150·G + 29·B + 128) >> 8 at the file's depth, alpha over black, then 16 to 8 bit by the
 * number of significant bits of the largest value, 8 at least.
 */

export interface Samples {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
  readonly channels: number;
  readonly data: Uint8Array | Uint16Array;
}

/** Grey [height, width]; `bits`, 8 to 16, where the file says how deep its 16-bit samples are. */
export function toGrey(samples: Samples, bits?: number): Uint8Array {
  const { data, channels } = samples;
  const full = data instanceof Uint8Array ? 255 : 65535;
  const grey = channels === 1 ? data : combined(samples, full);
  return grey instanceof Uint8Array ? grey : toEightBit(grey, bits);
}

/** How coloured the samples are: the mean difference of the largest and the least of R, G and B, 0 to 1. */
export function chromaOf(samples: Samples): number {
  const { data, channels } = samples;
  if (channels < 3) return 0;
  let sum = 0;
  for (let at = 0; at < data.length; at += channels) {
    const red = data[at]!;
    const green = data[at + 1]!;
    const blue = data[at + 2]!;
    sum += Math.max(red, green, blue) - Math.min(red, green, blue);
  }
  return sum / (data.length / channels) / (data instanceof Uint8Array ? 255 : 65535);
}

function combined({ data, channels, width, height }: Samples, full: number): Uint8Array | Uint16Array {
  const grey = data instanceof Uint8Array ? new Uint8Array(width * height) : new Uint16Array(width * height);
  const hasAlpha = channels === 2 || channels === 4;
  for (let pixel = 0, at = 0; pixel < grey.length; pixel++, at += channels) {
    let value = data[at]!;
    if (channels >= 3) value = Math.floor((77 * value + 150 * data[at + 1]! + 29 * data[at + 2]! + 128) / 256);
    if (hasAlpha) value = Math.floor((2 * value * data[at + channels - 1]! + full) / (2 * full));
    grey[pixel] = value;
  }
  return grey;
}

function toEightBit(grey: Uint16Array, bits?: number): Uint8Array {
  const largest = grey.reduce((most, value) => Math.max(most, value), 0);
  const significant = bits ?? Math.min(Math.max(32 - Math.clz32(largest), 8), 16);
  const full = 2 ** significant - 1;
  return Uint8Array.from(grey, (value) => Math.floor((2 * 255 * value + full) / (2 * full)));
}
