/**
 * Mouse, touch and pen on the canvas: drag, wheel, pinch, double click.
 *
 * @typedef {import('./viewer.js').Viewer} Viewer
 */

const WHEEL = 0.0016;
const LEFT = 0;

/** What a drag with one finger or the left button does. */
export const drag = { mode: /** @type {'window' | 'pan'} */ ('window') };

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Viewer} viewer
 */
export function connectGestures(canvas, viewer) {
  /** @type {Map<number, {x: number, y: number}>} */
  const touching = new Map();
  let moves = false;

  canvas.addEventListener('contextmenu', (event) => event.preventDefault());
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    touching.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moves = drag.mode === 'pan' || event.shiftKey || event.button !== LEFT;
    if (event.button !== LEFT) event.preventDefault();
  });
  canvas.addEventListener('pointermove', (event) => {
    const before = touching.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    touching.set(event.pointerId, now);
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    const other = [...touching].find(([id]) => id !== event.pointerId)?.[1];
    if (other) pinch(before, now, other);
    else if (moves) viewer.pan(dx * viewer.ratio, dy * viewer.ratio);
    else viewer.turnWindow(dx, dy);
  });
  for (const end of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(end, (event) => touching.delete(/** @type {PointerEvent} */ (event).pointerId));
  }
  canvas.addEventListener('dblclick', () => viewer.fit());
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      viewer.zoom(Math.exp(-event.deltaY * lines * WHEEL), event.offsetX * viewer.ratio, event.offsetY * viewer.ratio);
    },
    { passive: false },
  );

  /**
   * Two fingers, one of which moved: zoom by their distance around their middle, and move with it.
   * @param {{x: number, y: number}} before
   * @param {{x: number, y: number}} now
   * @param {{x: number, y: number}} other
   */
  function pinch(before, now, other) {
    const box = canvas.getBoundingClientRect();
    const distance = (/** @type {{x: number, y: number}} */ finger) => Math.hypot(finger.x - other.x, finger.y - other.y);
    const [x, y] = [(now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top];
    viewer.pan(((now.x - before.x) / 2) * viewer.ratio, ((now.y - before.y) / 2) * viewer.ratio);
    viewer.zoom(Math.max(distance(now), 1) / Math.max(distance(before), 1), x * viewer.ratio, y * viewer.ratio);
  }
}
