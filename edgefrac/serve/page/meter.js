/** Probability and threshold on one bar, which is even in log-odds: so small probabilities can be told apart. */
import { make } from './dom.js';

const TICKS = [0.01, 0.1, 0.5, 0.9, 0.99];
const END = 5.3; // log-odds at either end: 0.5 % and 99.5 %

/** @param {number} probability */
export function logOdds(probability) {
  return Math.log(probability / (1 - probability));
}

/**
 * Where a probability lies on the bar, in percent of it.
 * @param {number} probability
 */
function place(probability) {
  const held = Math.min(Math.max(logOdds(probability), -END), END);
  return `${(50 * (held + END)) / END}%`;
}

/**
 * @param {number} probability
 * @param {number} threshold
 */
export function meter(probability, threshold) {
  const above = make('i', { class: 'above' });
  const mark = make('b', { class: 'threshold' });
  const point = make('b', { class: probability >= threshold ? 'point positive' : 'point' });
  above.style.left = place(threshold);
  mark.style.left = place(threshold);
  point.style.left = place(probability);
  const ticks = make('div', { class: 'ticks' });
  for (const tick of TICKS) {
    const text = make('span', {}, `${100 * tick} %`);
    text.style.left = place(tick);
    ticks.append(text);
  }
  return make('div', { class: 'meter', 'aria-hidden': 'true' }, make('div', { class: 'track' }, above, mark, point), ticks);
}
