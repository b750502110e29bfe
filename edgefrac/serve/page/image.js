/**
 * One image as the page holds it: its values, how they are shown, and its heat.
 *
 * @typedef {import('./types.js').Answer} Answer
 * @typedef {import('./types.js').Window} Window
 */
import * as api from './api.js';
import { paint, windowed } from './levels.js';

const KEPT = 6;

/** @type {Map<string, Promise<Shown>>} */
const kept = new Map();

/**
 * The image of that id; those looked at last are at hand.
 * @param {string} id
 * @param {Answer} answer
 * @param {AbortSignal} signal
 * @returns {Promise<Shown>}
 */
export function load(id, answer, signal) {
  const known = kept.get(id);
  if (known) {
    kept.delete(id);
    kept.set(id, known);
    return known;
  }
  const loading = fetchAll(id, answer, signal);
  kept.set(id, loading);
  loading.catch(() => kept.delete(id));
  for (const oldest of [...kept.keys()].slice(0, -KEPT)) kept.delete(oldest);
  return loading;
}

export function forgetImages() {
  kept.clear();
}

/**
 * @param {string} id
 * @param {Answer} answer
 * @param {AbortSignal} signal
 */
async function fetchAll(id, answer, signal) {
  const [values, greys, heat] = await Promise.all([
    api.bytes(id, 'values', signal),
    api.bytes(id, 'greys', signal),
    answer.scale ? api.heat(id, signal) : undefined,
  ]);
  return new Shown(id, answer, values, new Uint8Array(greys), heat);
}

/** Numbers and pixels of one image. */
export class Shown {
  /**
   * @param {string} id
   * @param {Answer} answer
   * @param {ArrayBuffer} values
   * @param {Uint8Array} greys of each value, as the image was read
   * @param {ImageBitmap | undefined} heat
   */
  constructor(id, answer, values, greys, heat) {
    this.id = id;
    this.answer = answer;
    this.heat = heat;
    this.display = answer.picture.display;
    this.width = answer.picture.width;
    this.height = answer.picture.height;
    this.values = this.display.bits === 8 ? new Uint8Array(values) : new Uint16Array(values);
    this.greysAsRead = greys;
    this.pixels = new ImageData(this.width, this.height);
    this.canvas = document.createElement('canvas');
    this.canvas.width = this.width;
    this.canvas.height = this.height;
    /** Undefined as the image was read. @type {Window | undefined} */
    this.window = undefined;
    this.set(undefined);
  }

  /**
   * Show it by another window, or as it was read.
   * @param {Window | undefined} window
   */
  set(window) {
    this.window = window;
    const greys = window ? windowed(this.display, window) : this.greysAsRead;
    paint(this.values, greys, new Uint32Array(this.pixels.data.buffer));
    this.canvas.getContext('2d')?.putImageData(this.pixels, 0, 0);
  }

  /**
   * The value at a place in modality units, undefined beside the image.
   * @param {number} x
   * @param {number} y
   */
  at(x, y) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return undefined;
    const { first, slope, intercept } = this.display;
    return (/** @type {number} */ (this.values[Math.floor(y) * this.width + Math.floor(x)]) + first) * slope + intercept;
  }
}
