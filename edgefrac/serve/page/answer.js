/**
 * What was said of the chosen image, in words: verdict, warning, probability, regions, where it goes, what made it.
 *
 * @typedef {import('./types.js').Answer} Answer
 * @typedef {import('./types.js').Delivery} Delivery
 * @typedef {import('./types.js').Item} Item
 * @typedef {import('./types.js').Region} Region
 */
import { byId, capital, facts, make, number, percent, when } from './dom.js';
import { meter } from './meter.js';
import { nameOf } from './names.js';
import { MARKS } from './worklist.js';

/** As `edgefrac explain` says it. */
export const FINDINGS = {
  localised: 'it stands out in',
  diffuse: 'no place stands out, so none explains this answer; most such answers were wrong where it was measured',
  nothing: 'no place speaks for a fracture',
};

/**
 * @typedef {object} Actions What the buttons do.
 * @property {() => void} showAnyway
 * @property {() => void} savePicture
 * @property {(button: HTMLButtonElement) => void} deliverAgain
 * @property {() => void} remove
 * @property {(region: Region) => void} lookAt
 */

/**
 * @param {Item} item
 * @param {Delivery[]} deliveries
 * @param {boolean} counts whether the answer is shown though the image is foreign
 * @param {string} rule how the threshold was chosen
 * @param {Actions} actions
 */
export function showAnswer(item, deliveries, counts, rule, actions) {
  const { answer } = item;
  /** @type {HTMLElement[]} */
  const parts = answer ? answered(item, answer, counts, rule, actions) : unanswered(item);
  if (deliveries.length) parts.push(make('h3', {}, 'Deliveries'), deliveryList(deliveries, actions));
  if (item.state !== 'waiting') parts.push(removal(actions));
  byId('answer').hidden = false;
  byId('answer').replaceChildren(...parts);
}

/** @param {Item} item */
function unanswered(item) {
  const name = make('p', { class: 'about-image' }, `${nameOf(item)}, ${when(item.received)}`);
  if (item.state === 'waiting') return [title('Waiting', 'waiting'), name, make('p', {}, 'A reader takes it as soon as it is its turn.')];
  return [title('Unreadable', 'unreadable'), name, caution('There is no answer: ', `${(item.error ?? '').replace(/^the image: /, '')}.`)];
}

/**
 * @param {Item} item
 * @param {Answer} answer
 * @param {boolean} counts
 * @param {string} rule
 * @param {Actions} actions
 */
function answered(item, answer, counts, rule, actions) {
  const name = make('p', { class: 'about-image' }, about(item, answer));
  if (answer.foreign && !counts) {
    const anyway = make('button', { type: 'button', id: 'anyway' }, 'Show what was computed all the same');
    anyway.addEventListener('click', actions.showAnyway);
    return [
      title('No answer', 'foreign'),
      name,
      caution('Not like the radiographs it knows: ', `${answer.foreign}. Neither an answer nor a map would count.`),
      anyway,
      details(answer),
    ];
  }
  /** @type {HTMLElement[]} */
  const parts = [title(answer.label, answer.foreign ? 'foreign' : answer.positive ? 'positive' : 'negative'), name];
  if (answer.foreign) parts.push(caution('Do not rely on this answer: ', `${answer.foreign}.`));
  parts.push(...verdict(answer, rule), ...finding(answer), ...regions(answer, actions), ...tasks(answer), ...saving(item, answer, actions), details(answer));
  return parts;
}

/**
 * @param {string} text
 * @param {keyof typeof MARKS} kind
 */
function title(text, kind) {
  return make('h2', { id: 'verdict', class: kind, tabindex: '-1' }, make('span', { 'aria-hidden': 'true', class: 'mark' }, MARKS[kind]), capital(text));
}

/**
 * @param {string} strong
 * @param {string} rest
 */
function caution(strong, rest) {
  return make('p', { class: 'caution', role: 'note' }, make('strong', {}, strong), rest);
}

const SIDES = /** @type {Record<string, string>} */ ({ L: 'left', R: 'right', B: 'both sides' });

/**
 * @param {Item} item
 * @param {Answer} answer
 */
function about(item, { picture }) {
  const kind = [picture.source_format, picture.modality, picture.view, picture.side && SIDES[picture.side]].filter(Boolean).join(' ');
  return `${nameOf(item)}, ${when(item.received)} · ${kind}, ${picture.width} × ${picture.height} px`;
}

/**
 * @param {Answer} answer
 * @param {string} rule
 */
function verdict({ probability, threshold, positive, log_odds: odds }, rule) {
  const relation = positive ? 'at or above' : 'below';
  return [
    make(
      'p',
      { class: 'probability' },
      make('strong', { id: 'probability' }, probability.toFixed(3)),
      ` probability, ${relation} the threshold ${threshold.toFixed(3)}`,
    ),
    meter(probability, threshold),
    make('p', { class: 'quiet' }, `${odds === null ? '' : `Log-odds ${number(odds, 2, true)}. `}${rule ? `Threshold: ${rule}.` : ''}`),
  ];
}

/** @param {Answer} answer */
function finding({ finding: found }) {
  if (!found) return [make('p', { id: 'finding' }, 'This model gives no evidence map.')];
  const words = capital(FINDINGS[found]);
  if (found === 'diffuse') return [make('p', { id: 'finding', class: 'caution diffuse' }, make('strong', {}, 'Diffuse: '), `${words}.`)];
  return [make('p', { id: 'finding', class: found }, found === 'localised' ? 'The evidence stands out in the framed regions:' : `${words}.`)];
}

/**
 * @param {Answer} answer
 * @param {Actions} actions
 */
function regions({ regions: found }, actions) {
  if (!found.length) return [];
  const rows = found.map((region) => {
    const [x, y, width, height] = region.box.map(Math.round);
    const bar = make('i', { 'aria-hidden': 'true' });
    bar.style.width = `${100 * region.share}%`;
    const look = make(
      'button',
      { type: 'button', title: 'Look at it closely' },
      make('strong', {}, percent(region.share)),
      ` of what speaks for a fracture, ${number(region.log_odds, 2, true)} log-odds`,
      make('span', { class: 'where' }, `x ${x}, y ${y}, ${width} × ${height} px`),
      bar,
    );
    look.addEventListener('click', () => actions.lookAt(region));
    return make('li', {}, look);
  });
  return [make('ol', { id: 'regions' }, ...rows)];
}

/** @param {Answer} answer */
function tasks({ tasks: further }) {
  return Object.entries(further).flatMap(([name, classes]) => [
    make('h3', {}, capital(name)),
    facts(Object.entries(classes).map(([label, probability]) => [label, probability.toFixed(3)])),
  ]);
}

/**
 * @param {Item} item
 * @param {Answer} answer
 * @param {Actions} actions
 */
function saving(item, { identifying }, actions) {
  const picture = make('button', { type: 'button', id: 'save-picture' }, 'Save picture');
  picture.addEventListener('click', actions.savePicture);
  const report = make('a', { class: 'button', id: 'report', href: `/v1/worklist/${item.id}/report.html`, target: '_blank', rel: 'noopener' }, 'Report');
  const buttons = make('div', { class: 'row' }, picture, report);
  return identifying ? [caution('Look before you pass the picture on: ', `${identifying}.`), buttons] : [buttons];
}

/**
 * @param {Delivery[]} deliveries
 * @param {Actions} actions
 */
function deliveryList(deliveries, actions) {
  const words = { pending: '… on its way', delivered: '✓ delivered', failed: '✕ not delivered' };
  const list = make(
    'ul',
    { id: 'deliveries' },
    ...deliveries.map(({ destination, state, attempts, due, error }) => {
      const tried = state === 'pending' && attempts ? `, tried ${attempts === 1 ? 'once' : `${attempts} times`}, again ${when(due)}` : '';
      return make('li', { class: state }, make('strong', {}, destination), ` ${words[state]}${tried}`, error && state !== 'delivered' ? make('span', { class: 'where' }, error) : '');
    }),
  );
  if (!deliveries.some(({ state }) => state === 'failed')) return list;
  const again = make('button', { type: 'button', id: 'deliver-again' }, 'Deliver again');
  again.addEventListener('click', () => actions.deliverAgain(again));
  return make('div', {}, list, again);
}

/**
 * Asks twice.
 * @param {Actions} actions
 */
function removal(actions) {
  const button = make('button', { type: 'button', class: 'plain', id: 'remove' }, 'Remove from the list');
  button.addEventListener('click', () => {
    if (button.dataset['sure']) actions.remove();
    button.dataset['sure'] = 'yes';
    button.textContent = 'Really remove? The server forgets it';
  });
  return button;
}

/** @param {Answer} answer */
function details({ picture, model, model_version: version, model_sha256: sha256, precision, milliseconds }) {
  const { display } = picture;
  /** @type {[string, string][]} */
  const rows = [
    ...picture.notes.map((note) => /** @type {[string, string]} */ (['Note', note])),
    ['Depth', display.bits === 8 ? '8 bits' : `${display.levels} values, in 16 bits`],
    ...(picture.spacing_mm ? [/** @type {[string, string]} */ (['Spacing', `${picture.spacing_mm.map((mm) => mm.toFixed(3)).join(' × ')} mm`])] : []),
    ['Model', `${model} ${version}, ${precision}`],
    ['SHA-256', sha256],
    ['Computed in', `${Math.round(milliseconds)} ms`],
  ];
  return make('details', {}, make('summary', {}, 'Image and model'), facts(rows));
}
