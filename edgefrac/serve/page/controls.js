/**
 * The controls under the image: opacity, regions, window sliders and presets, what a drag does.
 *
 * @typedef {import('./viewer.js').Viewer} Viewer
 */
import { byId, capital, make, number } from './dom.js';
import { drag } from './gestures.js';
import { span } from './levels.js';

/** @param {Viewer} viewer */
export function connectControls(viewer) {
  const [heat, boxes, opacity, level, width] = ['heat', 'boxes', 'opacity', 'level', 'width'].map(byId);
  heat.addEventListener('change', () => {
    viewer.heat = heat.checked;
    viewer.redraw();
  });
  boxes.addEventListener('change', () => {
    viewer.boxes = boxes.checked;
    viewer.redraw();
  });
  opacity.addEventListener('input', () => {
    viewer.opacity = Number(opacity.value) / 100;
    byId('opacity-value').textContent = `${opacity.value} %`;
    if (!heat.checked) heat.click();
    viewer.redraw();
  });
  for (const slider of [level, width]) {
    slider.addEventListener('input', () => viewer.setWindow({ center: Number(level.value), width: Number(width.value) }));
  }
  for (const radio of document.querySelectorAll('input[name=drag]')) {
    radio.addEventListener('change', () => setDrag(/** @type {'window' | 'pan'} */ (/** @type {HTMLInputElement} */ (radio).value)));
  }
  const actions = /** @type {Record<string, () => void>} */ ({
    'zoom-in': () => viewer.zoomIn(),
    'zoom-out': () => viewer.zoomOut(),
    fit: () => viewer.fit(),
    actual: () => viewer.actual(),
    reset: () => viewer.reset(),
  });
  byId('zoom').addEventListener('click', (/** @type {MouseEvent} */ { target }) => {
    const button = /** @type {Element} */ (target).closest('[data-do]');
    actions[button?.getAttribute('data-do') ?? '']?.();
  });
  viewer.onWindow = () => showWindow(viewer);
}

/** @param {'window' | 'pan'} mode */
export function setDrag(mode) {
  drag.mode = mode;
  byId('canvas').dataset.drag = mode;
  for (const radio of document.querySelectorAll('input[name=drag]')) {
    /** @type {HTMLInputElement} */ (radio).checked = /** @type {HTMLInputElement} */ (radio).value === mode;
  }
}

const UNITS = { HU: 'in HU', value: 'in stored values', grey: 'in greys' };

/** @param {Viewer} viewer */
function showWindow(viewer) {
  const { image } = viewer;
  if (!image) return;
  const { display } = image;
  const [low, high] = span(display);
  const { center, width } = viewer.window;
  const room = high - low + 1;
  const ends = { level: [Math.min(low, center), Math.max(high, center)], width: [1, Math.max(1.2 * room, width)] };
  for (const [id, value] of /** @type {['level' | 'width', number][]} */ ([['level', center], ['width', width]])) {
    const slider = byId(id);
    [slider.min, slider.max] = ends[id].map(String);
    slider.value = String(value);
    byId(`${id}-value`).textContent = number(value, 0);
  }
  byId('unit').textContent = UNITS[display.unit];
  const straight = display.window.straight !== false;
  byId('window-note').textContent = image.window || straight ? '' : 'Shown through the curve that the file asks for; a window of your own replaces it.';
  showPresets(viewer);
}

/**
 * As read, and what the image has besides.
 * @param {Viewer} viewer
 */
function showPresets(viewer) {
  const { image } = viewer;
  if (!image) return;
  const [low, high] = span(image.display);
  /** @type {[string, import('./types.js').Window | undefined][]} */
  const choices = [
    ['As read', undefined],
    ...Object.entries(image.display.presets).map(
      ([name, window]) => /** @type {[string, import('./types.js').Window]} */ ([capital(name.replace('-', ' ')), window]),
    ),
    ['All values', { center: (low + high + 1) / 2, width: high - low + 1 }],
  ];
  const buttons = choices.map(([name, window]) => {
    const isOn = window ? image.window?.center === window.center && image.window.width === window.width : !image.window;
    const button = make('button', { type: 'button', 'aria-pressed': `${isOn}` }, name);
    button.addEventListener('click', () => {
      viewer.setWindow(window && { center: window.center, width: window.width });
      const again = [...byId('presets').children].find((one) => one.textContent === name);
      /** @type {HTMLElement | undefined} */ (again)?.focus();
    });
    return button;
  });
  byId('presets').replaceChildren(...buttons);
}
