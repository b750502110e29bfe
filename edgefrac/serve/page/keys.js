/**
 * The keyboard.
 *
 * @typedef {import('./viewer.js').Viewer} Viewer
 * @typedef {import('./worklist.js').List} List
 */
import { setDrag } from './controls.js';
import { byId } from './dom.js';
import { drag } from './gestures.js';

const STEP = 15; // CSS pixels of a drag that a key stands for

/**
 * @param {Viewer} viewer
 * @param {List} list
 */
export function connectKeys(viewer, list) {
  const plain = /** @type {Record<string, () => void>} */ ({
    ArrowUp: () => list.step(-1),
    ArrowDown: () => list.step(1),
    '+': () => viewer.zoomIn(),
    '=': () => viewer.zoomIn(),
    '-': () => viewer.zoomOut(),
    '−': () => viewer.zoomOut(),
    0: () => viewer.fit(),
    1: () => viewer.actual(),
    h: () => byId('heat').click(),
    b: () => byId('boxes').click(),
    r: () => viewer.reset(),
    p: () => setDrag(drag.mode === 'pan' ? 'window' : 'pan'),
    '?': () => byId('help').showModal(),
  });
  const shifted = /** @type {Record<string, () => void>} */ ({
    ArrowUp: () => viewer.turnWindow(0, -STEP),
    ArrowDown: () => viewer.turnWindow(0, STEP),
    ArrowLeft: () => viewer.turnWindow(-STEP, 0),
    ArrowRight: () => viewer.turnWindow(STEP, 0),
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') || takesKeys(event)) return;
    const action = (event.shiftKey && shifted[event.key]) || plain[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/**
 * Whether what has the focus wants the key for itself.
 * @param {KeyboardEvent} event
 */
function takesKeys({ target, key }) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.matches('select, input[type=text], input[type=password], textarea')) return true;
  return key.startsWith('Arrow') && target.matches('input');
}
