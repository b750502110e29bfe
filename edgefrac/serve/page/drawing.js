/**
 * What is drawn of an image on any canvas: on the screen at any zoom, and in the exported PNG at its own size.
 *
 * @typedef {import('./image.js').Shown} Shown
 */
import { percent } from './dom.js';

const PADDING = 6; // of a frame around its region
const SMOOTH_BELOW = 3; // canvas pixels for one of the image; above it shows its pixels

/**
 * @typedef {object} Look What is to be seen, and where.
 * @property {number} scale canvas pixels for one of the image
 * @property {number} x of the image's left edge on the canvas
 * @property {number} y of its top edge
 * @property {number} opacity of the heat, 0 to 1; 1 is how `edgefrac.overlay/1` has it
 * @property {boolean} boxes
 * @property {number} unit canvas pixels in which lines and text are measured
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Shown} image
 * @param {Look} look
 */
export function draw(context, image, { scale, x, y, opacity, boxes, unit }) {
  const [width, height] = [image.width * scale, image.height * scale];
  context.imageSmoothingEnabled = scale !== 1 && scale < SMOOTH_BELOW;
  context.imageSmoothingQuality = 'high';
  context.drawImage(image.canvas, x, y, width, height);
  if (image.heat && opacity > 0) {
    context.imageSmoothingEnabled = image.heat.width !== width;
    context.globalAlpha = opacity;
    context.drawImage(image.heat, x, y, width, height);
    context.globalAlpha = 1;
  }
  if (!boxes) return;
  for (const { box, share } of image.answer.regions) {
    const [left, top, wide, high] = /** @type {typeof box} */ (box.map((value) => value * scale));
    frame(context, x + left - PADDING * unit, y + top - PADDING * unit, wide + 2 * PADDING * unit, high + 2 * PADDING * unit, unit);
    label(context, percent(share), x + left - PADDING * unit, y + top, high, unit);
  }
}

/**
 * White between black: seen on any grey.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {number} unit
 */
function frame(context, x, y, width, height, unit) {
  for (const [colour, line] of /** @type {[string, number][]} */ ([['#000', 5], ['#fff', 2]])) {
    context.strokeStyle = colour;
    context.lineWidth = line * unit;
    context.strokeRect(x, y, width, height);
  }
}

/**
 * Above the frame, below it where there is no room.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} top of the region
 * @param {number} high
 * @param {number} unit
 */
function label(context, text, x, top, high, unit) {
  context.font = `700 ${16 * unit}px system-ui, sans-serif`;
  context.textBaseline = 'alphabetic';
  const y = top - 13 * unit > 14 * unit ? top - 13 * unit : top + high + 26 * unit;
  context.lineWidth = 4 * unit;
  context.lineJoin = 'round';
  context.strokeStyle = '#000';
  context.strokeText(text, x, y);
  context.fillStyle = '#fff';
  context.fillText(text, x, y);
}
