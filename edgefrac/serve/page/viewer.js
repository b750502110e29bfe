/**
 * The image on its canvas: window, zoom and place, heat and regions.
 *
 * @typedef {import('./image.js').Shown} Shown
 * @typedef {import('./types.js').Window} Window
 */
import { byId, number } from './dom.js';
import { draw } from './drawing.js';
import { connectGestures } from './gestures.js';
import { span } from './levels.js';

const MARGIN = 12; // CSS pixels around an image that fits
const STEP = 1.25;
const LARGEST = 24; // canvas pixels for one of the image
const LEAST = 0.5; // of the scale at which the image fits

export class Viewer {
  constructor() {
    this.canvas = byId('canvas');
    this.context = this.canvas.getContext('2d');
    /** @type {Shown | undefined} */
    this.image = undefined;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.isFitted = true;
    this.heat = true;
    this.boxes = true;
    /** False for an image whose answer does not count, until somebody asks for it all the same. */
    this.counts = true;
    this.opacity = 1;
    this.dirty = false;
    /** Called when the window has changed. */
    this.onWindow = () => {};
    new ResizeObserver(() => this.resize()).observe(byId('stage'));
    connectGestures(this.canvas, this);
    this.canvas.addEventListener('pointermove', (/** @type {PointerEvent} */ event) => this.read(event));
    this.canvas.addEventListener('pointerleave', () => (byId('readout').textContent = ''));
  }

  get ratio() {
    return window.devicePixelRatio || 1;
  }

  /**
   * Show an image, or nothing; what the user had set on it is kept.
   * @param {Shown | undefined} image
   * @param {boolean} counts
   */
  show(image, counts) {
    if (image !== this.image) {
      this.image = image;
      this.fit();
    }
    this.counts = counts;
    byId('controls').hidden = !image;
    this.onWindow();
    this.redraw();
  }

  /** Take the image away until another one is there: an answer never stands beside an image that is not its own. */
  blank() {
    this.image = undefined;
    this.redraw();
  }

  /** Show it at its largest in whole. */
  fit() {
    this.isFitted = true;
    if (!this.image) return this.redraw();
    this.scale = this.fitting();
    this.x = (this.canvas.width - this.image.width * this.scale) / 2;
    this.y = (this.canvas.height - this.image.height * this.scale) / 2;
    this.redraw();
  }

  fitting() {
    const { width = 1, height = 1 } = this.image ?? {};
    const margin = 2 * MARGIN * this.ratio;
    const fits = Math.min((this.canvas.width - margin) / width, (this.canvas.height - margin) / height);
    return Math.max(fits, 0.01);
  }

  /**
   * Zoom so that the canvas pixel x, y stays where it is; without one, the middle.
   * @param {number} factor
   * @param {number} [x]
   * @param {number} [y]
   */
  zoom(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    if (!this.image) return;
    const scale = Math.min(Math.max(this.scale * factor, this.fitting() * LEAST), LARGEST * this.ratio);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.isFitted = false;
    this.redraw();
  }

  zoomIn() {
    this.zoom(STEP);
  }

  zoomOut() {
    this.zoom(1 / STEP);
  }

  /** One pixel of the image on one of the screen. */
  actual() {
    this.zoom(1 / this.scale);
    this.x = Math.round(this.x);
    this.y = Math.round(this.y);
  }

  /**
   * Move by canvas pixels, and keep some of the image in sight.
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    if (!this.image) return;
    const keep = 40 * this.ratio;
    this.x = Math.min(Math.max(this.x + dx, keep - this.image.width * this.scale), this.canvas.width - keep);
    this.y = Math.min(Math.max(this.y + dy, keep - this.image.height * this.scale), this.canvas.height - keep);
    this.isFitted = false;
    this.redraw();
  }

  /** @returns {Window} */
  get window() {
    return this.image?.window ?? this.image?.display.window ?? { center: 128, width: 256 };
  }

  /**
   * Show the image by a window; undefined is as it was read.
   * @param {Window | undefined} window
   */
  setWindow(window) {
    if (!this.image) return;
    if (window) {
      const [low, high] = span(this.image.display);
      const room = high - low + 1;
      const center = Math.min(Math.max(window.center, low - room / 2), high + room / 2);
      window = { center, width: Math.min(Math.max(window.width, 1), 2 * room) };
    }
    this.image.set(window);
    this.onWindow();
    this.redraw();
  }

  /**
   * Turn the window by CSS pixels of a drag: across its width, down its level.
   * @param {number} dx
   * @param {number} dy
   */
  turnWindow(dx, dy) {
    if (!this.image) return;
    const { center, width } = this.window;
    const step = Math.max(width, 16) / 300;
    this.setWindow({ center: center + dy * step * (this.image.display.inverted ? -1 : 1), width: width + dx * step });
  }

  /** Window, zoom and place as the image came. */
  reset() {
    this.setWindow(undefined);
    this.fit();
  }

  resize() {
    const { clientWidth, clientHeight } = byId('stage');
    this.canvas.width = Math.round(clientWidth * this.ratio);
    this.canvas.height = Math.round(clientHeight * this.ratio);
    if (this.isFitted) this.fit();
    else this.pan(0, 0);
    this.paint();
  }

  redraw() {
    if (this.dirty) return;
    this.dirty = true;
    requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.dirty = false;
    this.context.fillStyle = '#000';
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.image) return;
    const { scale, x, y } = this;
    draw(this.context, this.image, { scale, x, y, unit: this.ratio, ...this.seen });
  }

  /** Opacity of the heat and whether there are frames. */
  get seen() {
    return { opacity: this.heat && this.counts ? this.opacity : 0, boxes: this.boxes && this.counts };
  }

  /**
   * The value under the pointer.
   * @param {PointerEvent} event
   */
  read(event) {
    if (!this.image) return;
    const x = (event.offsetX * this.ratio - this.x) / this.scale;
    const y = (event.offsetY * this.ratio - this.y) / this.scale;
    const value = this.image.at(x, y);
    const unit = { HU: ' HU', grey: '', value: '' }[this.image.display.unit];
    byId('readout').textContent = value === undefined ? '' : `x ${Math.floor(x)}, y ${Math.floor(y)}: ${number(value, Number.isInteger(value) ? 0 : 1)}${unit}`;
  }
}
