/** The radiograph, its evidence above it with an opacity of choice, and marks for regions and peak. */
import type { Look } from '../messages.ts';
import { byId, percent } from './dom.ts';

const SVG = 'http://www.w3.org/2000/svg';
const opacity = byId<HTMLInputElement>('opacity');
const painted = byId<HTMLCanvasElement>('painted');

/** Make the controls work; once. */
export function connectViewer(): void {
  opacity.addEventListener('input', applyOpacity);
  byId<HTMLInputElement>('show-marks').addEventListener('change', ({ target }) => {
    byId<SVGElement>('marks').toggleAttribute('hidden', !(target as HTMLInputElement).checked);
  });
}

/** Show what was found; the evidence only where it counts. */
export function show(look: Look, counts: boolean): void {
  const { width, height, plain, painted: evidence } = look.picture;
  for (const [id, pixels] of [
    ['plain', plain],
    ['painted', evidence],
  ] as const) {
    const canvas = byId<HTMLCanvasElement>(id);
    canvas.width = width;
    canvas.height = height;
    canvas.getContext('2d')!.putImageData(new ImageData(pixels, width, height), 0, 0);
  }
  byId('stage').style.setProperty('--ratio', `${width} / ${height}`);
  byId('stage').style.setProperty('--slim', `${width / height}`);
  painted.setAttribute('aria-label', described(look, counts));
  byId('result').classList.toggle('foreign', !counts);
  applyOpacity();
  mark(look);
}

function applyOpacity(): void {
  painted.style.opacity = `${Number(opacity.value) / 100}`;
  byId('opacity-value').textContent = `${opacity.value} %`;
}

function described(look: Look, counts: boolean): string {
  if (!counts) return 'The image, without evidence: it is not of the kind that the model was trained on.';
  const regions = look.decision.regions.length;
  const where = regions ? `${regions} framed region${regions > 1 ? 's' : ''}` : 'no single region';
  return `The radiograph under its evidence map, with ${where}. The list beside it says where.`;
}

/** Frames with their shares and a ring around the peak, in pixels of the source image. */
function mark({ width, height, decision, evidence }: Look): void {
  const svg = byId<SVGSVGElement>('marks');
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const unit = Math.max(width, height) / 100;
  const nodes = decision.regions.flatMap(({ box: [x, y, w, h], share }) => {
    const frame = { x: x - unit, y: y - unit, width: w + 2 * unit, height: h + 2 * unit, rx: unit / 2 };
    const [textX, textY] = [Math.max(x - unit, unit), y > 5 * unit ? y - 1.7 * unit : y + h + 4.5 * unit];
    return [...twice('rect', frame), label(percent(share), textX, textY, unit)];
  });
  if (decision.positive || evidence.some((value) => value > 0)) {
    const [cx, cy] = decision.peak;
    nodes.push(...twice('circle', { cx, cy, r: 1.6 * unit }));
  }
  svg.replaceChildren(...nodes);
}

/** The same shape in black and, thinner, in white: seen on any grey. */
function twice(name: 'rect' | 'circle', attributes: Readonly<Record<string, number>>): SVGElement[] {
  return ['outer', 'inner'].map((kind) => {
    const shape = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, `${value}`);
    shape.setAttribute('class', kind);
    return shape;
  });
}

function label(text: string, x: number, y: number, unit: number): SVGElement {
  const element = document.createElementNS(SVG, 'text');
  element.setAttribute('x', `${x}`);
  element.setAttribute('y', `${y}`);
  element.setAttribute('font-size', `${3.2 * unit}`);
  element.setAttribute('stroke-width', `${0.7 * unit}`);
  element.textContent = text;
  return element;
}
