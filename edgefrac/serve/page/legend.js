/**
 * The scale of the evidence as it looks over mid-grey, with its contour lines: the same for every image.
 *
 * @typedef {import('./types.js').Model} Model
 */
import { byId, make } from './dom.js';

const [WIDTH, HEIGHT, GREY, DASH] = [240, 14, 110, 4];

/** @param {Model} model */
export function drawLegend({ evidence_scale: scale }) {
  if (!scale) {
    byId('legend').replaceChildren(make('p', {}, 'This model gives no evidence map.'));
    return;
  }
  const bar = make('canvas', { width: `${WIDTH}`, height: `${HEIGHT}`, 'aria-hidden': 'true' });
  const context = bar.getContext('2d');
  for (let x = 0; context && x < WIDTH; x++) {
    const strength = Math.floor((x / (WIDTH - 1)) * 255);
    const colour = rampAt(scale.ramp, strength / 255).map((channel) => (GREY * (510 - strength) + channel * strength) / 510);
    context.fillStyle = `rgb(${colour.map(Math.round).join(' ')})`;
    context.fillRect(x, 0, 1, HEIGHT);
  }
  const ticks = make('div', { class: 'ticks' });
  for (const level of [0, ...scale.contours, scale.full_scale]) {
    const tick = make('span', {}, level === scale.full_scale ? `${level}+` : `${level}`);
    tick.style.left = `${(100 * level) / scale.full_scale}%`;
    ticks.append(tick);
  }
  scale.contours.forEach((level, number) => {
    const x = Math.round((level / scale.full_scale) * (WIDTH - 1));
    for (let y = 0; context && y < HEIGHT; y++) {
      if (number === 0 && Math.floor(y / DASH) % 2) continue;
      context.fillStyle = '#000';
      context.fillRect(x - 2, y, 5, 1);
      context.fillStyle = '#fff';
      context.fillRect(x - 1, y, 3, 1);
    }
  });
  byId('legend').replaceChildren(
    make('div', { class: 'bar' }, bar, ticks),
    make('p', {}, 'Log-odds of a fracture that a place adds, per 1 % of the image: one scale for all images.'),
  );
}

/**
 * @param {[number, number, number][]} stops
 * @param {number} share
 */
function rampAt(stops, share) {
  const at = share * (stops.length - 1);
  const below = Math.min(Math.floor(at), stops.length - 2);
  const [before, after] = /** @type {[number[], number[]]} */ ([stops[below], stops[below + 1]]);
  return before.map((channel, index) => channel + (at - below) * (/** @type {number} */ (after[index]) - channel));
}
