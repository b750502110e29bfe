/**
 * The exported PNG: what is seen, at the image's own resolution, over a strip that says what it is.
 *
 * @typedef {import('./image.js').Shown} Shown
 * @typedef {import('./types.js').Answer} Answer
 */
import { capital, make } from './dom.js';
import { draw } from './drawing.js';

const SCREEN = 900; // pixels of an image for which lines and text have their size on the screen

/**
 * @param {Shown} image
 * @param {{opacity: number, boxes: boolean}} seen
 * @param {string} notice
 * @param {boolean} counts
 * @returns {Promise<Blob>}
 */
export function pictureOf(image, seen, notice, counts) {
  const unit = Math.max(0.5, Math.max(image.width, image.height) / SCREEN);
  const strip = Math.round(84 * unit);
  const canvas = make('canvas', { width: `${image.width}`, height: `${image.height + strip}` });
  const context = canvas.getContext('2d');
  if (!context) return Promise.reject(new Error('no canvas'));
  context.fillStyle = '#000';
  context.fillRect(0, 0, canvas.width, canvas.height);
  draw(context, image, { scale: 1, x: 0, y: 0, unit, ...seen });
  context.fillRect(0, image.height, image.width, strip);
  context.fillStyle = '#000';
  context.fillRect(0, image.height, image.width, strip);
  const room = image.width - 24 * unit;
  caption(image, notice, counts).forEach((line, at) => {
    context.fillStyle = at === 2 ? '#c8c8c8' : '#fff';
    context.font = `${at === 0 ? 700 : 400} ${(at === 0 ? 19 : 14) * unit}px system-ui, sans-serif`;
    context.fillText(line, 12 * unit, image.height + (at === 0 ? 27 : 27 + 22.5 * at) * unit, room);
  });
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('too large a picture'))), 'image/png'));
}

/**
 * Three lines.
 * @param {Shown} image
 * @param {string} notice
 * @param {boolean} counts
 */
function caption({ answer, window, display }, notice, counts) {
  const relation = answer.positive ? 'at or above' : 'below';
  const probability = `probability ${answer.probability.toFixed(3)}, ${relation} the threshold ${answer.threshold.toFixed(3)}`;
  const { center, width } = window ?? display.window;
  const shown = window ? `window ${center.toFixed(0)}, ${width.toFixed(0)}` : 'window as read';
  const said = answer.foreign ? `Do not rely on it: ${answer.foreign}` : `${answer.model} ${answer.model_version}, ${answer.precision}`;
  return [counts ? `${capital(answer.label)}: ${probability}` : 'No answer', `${said}; ${shown}`, notice];
}

/**
 * Give a file to the user.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  make('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
