/**
 * `edgefrac.overlay/1`: the evidence map as colour over grey, by a fixed scale, with contours that need no colour.
 *
 * Strength and colour come from a table of whole numbers, contours from squares grown around the edge of a level, so the
 * bytes are those of Python.
 */
import type { Display } from './assets/app.ts';
import { density, mayReach, toRaster, type Grid } from './evidence.ts';
import type { Placement } from './preprocess.ts';

const FULL = 255;
const DASH = 8;
const LINE = 2; // pixels on either side of a contour
const f = Math.fround;

/** The four bytes of a pixel in memory order, as one word of this machine. */
function word(red: number, green: number, blue: number): number {
  return new Uint32Array(Uint8Array.of(red, green, blue, 255).buffer)[0]!;
}

const BLACK = word(0, 0, 0);
const WHITE = word(255, 255, 255);

/** Draws evidence as one `Display` says. */
export class Painter {
  /** What becomes of each grey under each strength, in 256 steps: a word at strength · 256 + grey. */
  private readonly blend = new Uint32Array(256 * 256);
  private readonly toStrength: number;

  constructor(private readonly display: Display) {
    this.toStrength = f(FULL / display.full_scale);
    const bytes = new Uint8Array(this.blend.buffer).fill(255);
    rampOf(display.ramp).forEach((colour, strength) => {
      for (let grey = 0, at = strength * 1024; grey < 256; grey++, at += 4) {
        const under = grey * (2 * FULL - strength) + FULL;
        for (let channel = 0; channel < 3; channel++) {
          bytes[at + channel] = Math.floor((under + colour[channel]! * strength) / (2 * FULL));
        }
      }
    });
  }

  /** A picture of the whole radiograph, `grey` [height, width] of any size, under its evidence: RGBA. */
  painted(
    grey: Uint8Array,
    height: number,
    width: number,
    evidence: Grid,
    placement: Placement,
    { bias, temperature }: { readonly bias: number; readonly temperature: number },
  ): Uint8ClampedArray<ArrayBuffer> {
    const calibrated = density(evidence, bias, temperature);
    const shares = toRaster(calibrated, placement, height, width);
    const picture = this.coloured(grey, shares);
    this.display.contours.forEach((level, index) => {
      if (mayReach(calibrated, level)) contour(picture, shares, height, width, f(level), index === 0);
    });
    return new Uint8ClampedArray(picture.buffer);
  }

  /** The picture without evidence: RGBA. */
  plain(grey: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
    const picture = new Uint32Array(grey.length);
    for (let at = 0; at < grey.length; at++) picture[at] = this.blend[grey[at]!]!;
    return new Uint8ClampedArray(picture.buffer);
  }

  /** Colour and opacity by `shares`, log-odds per 1 % of the input's area, over `grey`: words of RGBA. */
  coloured(grey: Uint8Array, shares: Float32Array): Uint32Array<ArrayBuffer> {
    const picture = new Uint32Array(grey.length);
    for (let at = 0; at < grey.length; at++) {
      const share = shares[at]!;
      const strength = share > 0 ? Math.min(Math.floor(f(f(share * this.toStrength) + 0.5)), FULL) : 0;
      picture[at] = this.blend[(strength << 8) | grey[at]!]!;
    }
    return picture;
  }
}

/** The colour of each of the 256 strengths, between the stops. */
function rampOf(stops: Display['ramp']): number[][] {
  const steps = Math.floor(FULL / (stops.length - 1));
  return Array.from({ length: FULL + 1 }, (_, strength) => {
    const part = Math.floor(strength / steps);
    const rest = strength % steps;
    const [before, after] = [stops[part]!, stops[Math.min(part + 1, stops.length - 1)]!];
    return before.map((colour, channel) =>
      Math.floor((colour * (steps - rest) + after[channel]! * rest + Math.floor(steps / 2)) / steps),
    );
  });
}

interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Draw where `shares` reach `level`: a white line between two black ones, seen on any grey. */
function contour(
  picture: Uint32Array,
  shares: Float32Array,
  height: number,
  width: number,
  level: number,
  dashed: boolean,
): void {
  const box = boxAround(shares, height, width, level);
  if (!box) return;
  const rows = box.bottom - box.top;
  const columns = box.right - box.left;
  const inside = new Uint8Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    const from = (box.top + y) * width + box.left;
    for (let x = 0; x < columns; x++) inside[y * columns + x] = shares[from + x]! >= level ? 1 : 0;
  }
  const outside = inside.map((value) => 1 - value);
  for (const [pixels, colour] of [
    [LINE, BLACK],
    [LINE - 1, WHITE],
  ] as const) {
    const [one, other] = [grown(inside, rows, columns, pixels), grown(outside, rows, columns, pixels)];
    for (let at = 0; at < one.length; at++) {
      if (!one[at] || !other[at]) continue;
      const y = box.top + Math.floor(at / columns);
      const x = box.left + (at % columns);
      if (dashed && (Math.floor(y / DASH) + Math.floor(x / DASH)) % 2) continue;
      picture[y * width + x] = colour;
    }
  }
}

/** Around all `values` of `level` or more, a line's width wider where there is room. */
function boxAround(values: Float32Array, height: number, width: number, level: number): Box | undefined {
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (values[at]! < level) continue;
      if (y < top) top = y;
      if (x < left) left = x;
      if (x > right) right = x;
      bottom = y;
    }
  }
  if (bottom < 0) return undefined;
  return {
    top: Math.max(0, top - LINE),
    bottom: Math.min(height, bottom + LINE + 1),
    left: Math.max(0, left - LINE),
    right: Math.min(width, right + LINE + 1),
  };
}

/** Whether anything holds within a square of `pixels` to each side. */
function grown(mask: Uint8Array, rows: number, columns: number, pixels: number): Uint8Array {
  const wider = mask.slice();
  for (let step = 1; step <= pixels; step++) {
    for (let at = step * columns; at < mask.length; at++) {
      wider[at]! |= mask[at - step * columns]!;
      wider[at - step * columns]! |= mask[at]!;
    }
  }
  const made = wider.slice();
  for (let y = 0; y < rows; y++) {
    for (let step = 1; step <= pixels; step++) {
      for (let x = step, at = y * columns + step; x < columns; x++, at++) {
        made[at]! |= wider[at - step]!;
        made[at - step]! |= wider[at]!;
      }
    }
  }
  return made;
}
