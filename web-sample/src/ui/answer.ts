/** The answer in words: decision, probability against the threshold, regions, and how it came about. */
import type { Contract } from '../assets/contract.ts';
import { taskOf } from '../assets/contract.ts';
import type { Look } from '../messages.ts';
import { ACCELERATOR_NAMES, byId, facts, make, milliseconds, percent } from './dom.ts';
import { show } from './viewer.ts';

const FINDINGS = {
  localised: 'The evidence is in the framed regions.',
  diffuse: 'The evidence is spread over the image: there is no region to point at.',
  nothing: 'No region speaks for a fracture.',
} as const;

/** Show what was found on the file of that name. */
export function showAnswer(look: Look, contract: Contract, name: string): void {
  byId('result').hidden = false;
  if (look.foreign === undefined) {
    present(look, contract, name, []);
  } else {
    show(look, false);
    say(`No answer: ${look.foreign}.`);
    const anyway = make('button', { type: 'button' }, 'Show what was computed all the same');
    anyway.addEventListener('click', () => {
      present(look, contract, name, [foreignNotice(look.foreign!, 'What is shown does not count.')]);
      byId('answer').querySelector<HTMLElement>('h2')?.focus();
    });
    byId('answer').replaceChildren(
      title('No answer', 'foreign'),
      foreignNotice(look.foreign, 'Neither an answer nor a map would count.'),
      anyway,
      details(look, name),
    );
  }
}

function present(look: Look, contract: Contract, name: string, notices: HTMLElement[]): void {
  show(look, true);
  const { decision } = look;
  const relation = decision.positive ? 'at or above' : 'below';
  const compared = `${relation} the threshold ${decision.threshold.toFixed(3)}`;
  say(`${decision.label}, probability ${decision.probability.toFixed(3)}, ${compared}. ${FINDINGS[decision.finding]}`);
  byId('answer').replaceChildren(
    title(decision.label, decision.positive ? 'positive' : 'negative'),
    ...notices,
    meter(look, compared),
    make('p', {}, FINDINGS[decision.finding]),
    ...regions(look),
    make('p', { class: 'rule' }, `Threshold: ${taskOf(contract).threshold_rule}.`),
    details(look, name),
  );
}

function title(text: string, kind: string): HTMLElement {
  return make('h2', { id: 'answer-title', tabindex: '-1', class: kind }, text);
}

function foreignNotice(reason: string, consequence: string): HTMLElement {
  return make(
    'p',
    { class: 'notice' },
    make('strong', {}, 'Not like the radiographs it knows: '),
    `${reason}. ${consequence}`,
  );
}

/** To a screen reader; where an answer stands is made anew each time, which none would announce. */
function say(text: string): void {
  byId('said').textContent = text;
}

/** Probability and threshold, as numbers and on a scale. */
function meter({ decision: { probability, threshold } }: Look, compared: string): HTMLElement {
  const bar = make('div', { class: 'meter', 'aria-hidden': 'true' }, make('i'), make('b'));
  bar.style.setProperty('--value', `${probability}`);
  bar.style.setProperty('--threshold', `${threshold}`);
  return make(
    'div',
    {},
    make('p', {}, make('strong', { id: 'probability' }, `Probability ${probability.toFixed(3)}`), `, ${compared}`),
    bar,
  );
}

function regions({ decision }: Look): HTMLElement[] {
  if (!decision.regions.length) return [];
  const items = decision.regions.map(({ box, share, logOdds }) => {
    const [x, y, width, height] = box.map(Math.round);
    return make(
      'li',
      {},
      `${percent(share)} of what speaks for a fracture (+${logOdds.toFixed(2)} log-odds), ${width} × ${height} px at x ${x}, y ${y}`,
    );
  });
  return [make('h3', {}, 'Regions'), make('ol', { id: 'regions' }, ...items)];
}

function details(look: Look, name: string): HTMLElement {
  const { timings } = look;
  const total = Object.values(timings).reduce((sum, time) => sum + time, 0);
  const rows: [string, string][] = [
    ['File', `${name}, ${look.format}, ${look.width} × ${look.height} px`],
    ...look.notes.map((note): [string, string] => ['Note', note]),
    ['Ran on', ACCELERATOR_NAMES[look.accelerator]],
    ['Network', milliseconds(timings.run)],
    ['Reading', milliseconds(timings.decode)],
    ['Preprocessing', milliseconds(timings.preprocess)],
    ['Decision', milliseconds(timings.decide)],
    ['Overlay', milliseconds(timings.overlay)],
    ['In all', milliseconds(total)],
  ];
  return make(
    'details',
    {},
    make('summary', {}, `Details: ${milliseconds(total)} on the ${ACCELERATOR_NAMES[look.accelerator]}`),
    facts(rows),
  );
}
