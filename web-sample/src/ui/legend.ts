/** The scale of the evidence as it looks over mid-grey, with its contour lines. */
import type { Display } from '../assets/app.ts';
import { Painter } from '../overlay.ts';
import { byId, make } from './dom.ts';

const [WIDTH, HEIGHT, GREY] = [240, 16, 110];

export function drawLegend(display: Display): void {
  const canvas = make('canvas', { width: `${WIDTH}`, height: `${HEIGHT}`, 'aria-hidden': 'true' });
  const shares = Float32Array.from(
    { length: WIDTH * HEIGHT },
    (_, at) => ((at % WIDTH) / (WIDTH - 1)) * display.full_scale,
  );
  const words = new Painter(display).coloured(new Uint8Array(WIDTH * HEIGHT).fill(GREY), shares);
  const context = canvas.getContext('2d')!;
  context.putImageData(new ImageData(new Uint8ClampedArray(words.buffer), WIDTH, HEIGHT), 0, 0);
  display.contours.forEach((level, index) => {
    const x = Math.round((level / display.full_scale) * (WIDTH - 1));
    for (let y = 0; y < HEIGHT; y++) {
      if (index === 0 && Math.floor(y / 4) % 2) continue; // the first is dashed
      context.fillStyle = '#000';
      context.fillRect(x - 2, y, 5, 1);
      context.fillStyle = '#fff';
      context.fillRect(x - 1, y, 3, 1);
    }
  });
  const ticks = [0, ...display.contours, display.full_scale].map((level) => {
    const tick = make('span', {}, `${level}${level === display.full_scale ? '+' : ''}`);
    tick.style.left = `${(100 * level) / display.full_scale}%`;
    return tick;
  });
  byId('scale').replaceChildren(
    make('div', { class: 'bar' }, canvas, make('div', { class: 'ticks', 'aria-hidden': 'true' }, ...ticks)),
    make('p', {}, 'Log-odds of a fracture that a place adds, per 1 % of the image. ◯ marks the peak.'),
  );
}
