/**
 * The work list: asked for each second, shown newest first.
 *
 * @typedef {import('./types.js').Item} Item
 * @typedef {import('./types.js').Worklist} Worklist
 */
import * as api from './api.js';
import { byId, capital, make, say, when } from './dom.js';
import { nameOf } from './names.js';

const SECONDS = 1;
const HIDDEN_SECONDS = 15;
const SLOWEST_SECONDS = 10;
const PAGE = 100;

/** Where images come from that were not added here. */
const ORIGINS = /** @type {Record<string, string>} */ ({ api: 'REST', dicom: 'DICOM', dicomweb: 'DICOMweb', folder: 'folder' });

/** The list, and which of its images is chosen. */
export class List {
  /** @param {(item: Item | undefined) => void} chosen called with the chosen image whenever it or its state changes */
  constructor(chosen) {
    this.chosen = chosen;
    /** @type {Item[]} */
    this.items = [];
    this.id = '';
    this.wish = '';
    this.limit = PAGE;
    this.tag = '';
    /** @type {Map<string, {item: string, row: HTMLElement}>} */
    this.rows = new Map();
    this.element = byId('list');
    this.element.addEventListener('click', (/** @type {MouseEvent} */ { target }) => {
      const row = /** @type {Element} */ (target).closest('[data-id]');
      if (row) this.choose(row.getAttribute('data-id') ?? '');
    });
    byId('filter').addEventListener('change', () => this.show());
    byId('older').addEventListener('click', () => {
      this.limit = Math.min(this.limit + PAGE, 1000);
      this.tag = '';
      void this.refresh();
    });
  }

  /** Ask for ever. */
  async watch() {
    for (let failures = 0; ; ) {
      try {
        await this.refresh();
        failures = 0;
        connected('');
      } catch (error) {
        if (!(error instanceof api.Refused)) throw error;
        failures++;
        if (error.status === 401) return; // until somebody logs in
        connected(error.status ? error.message : 'No connection to the server: tried again');
      }
      const pause = document.hidden ? HIDDEN_SECONDS : SECONDS;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(pause * 2 ** failures, Math.max(pause, SLOWEST_SECONDS))));
    }
  }

  async refresh() {
    const found = await api.worklist(`limit=${this.limit}`, this.tag);
    if (!found) return;
    this.tag = found.tag;
    const before = this.current;
    this.items = found.list.items;
    count(found.list, this.items.length, this.limit);
    if (this.wish && this.items.some(({ id }) => id === this.wish)) {
      this.id = this.wish;
      this.wish = '';
    } else if (this.id && !this.current) this.id = '';
    if (!this.id && this.items.length) this.id = /** @type {Item} */ (this.items.find(({ state }) => state === 'answered') ?? this.items[0]).id;
    this.show();
    this.chosen(this.current);
    const now = this.current;
    if (before && now && before.id === now.id && before.state !== now.state) say(`${nameOf(now)}: ${inWords(now)}`);
  }

  /** @returns {Item | undefined} */
  get current() {
    return this.items.find(({ id }) => id === this.id);
  }

  /** @param {string} id */
  choose(id) {
    if (!this.items.some((item) => item.id === id)) {
      this.wish = id; // not in the list yet
      return;
    }
    this.wish = '';
    this.id = id;
    this.show();
    this.rows.get(id)?.row.scrollIntoView({ block: 'nearest' });
    this.chosen(this.current);
  }

  /**
   * The image so many rows further down.
   * @param {number} steps
   */
  step(steps) {
    const shown = this.items.filter(wanted);
    const at = shown.findIndex(({ id }) => id === this.id);
    const item = shown[at < 0 ? 0 : Math.min(Math.max(at + steps, 0), shown.length - 1)];
    if (item) this.choose(item.id);
  }

  show() {
    const shown = this.items.filter(wanted);
    const kept = new Set(shown.map(({ id }) => id));
    for (const [id, { row }] of this.rows) {
      if (kept.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    shown.forEach((item, at) => {
      const text = JSON.stringify([item, nameOf(item), item.id === this.id]);
      let entry = this.rows.get(item.id);
      if (entry?.item !== text) {
        const row = rowOf(item, item.id === this.id);
        entry?.row.replaceWith(row);
        entry = { item: text, row };
        this.rows.set(item.id, entry);
      }
      if (this.element.children[at] !== entry.row) this.element.insertBefore(entry.row, this.element.children[at] ?? null);
    });
    this.element.setAttribute('aria-activedescendant', this.id ? `row-${this.id}` : '');
    byId('list-empty').hidden = this.items.length > 0;
  }
}

/** @param {Item} item */
function wanted({ state, answer }) {
  const filter = byId('filter').value;
  if (filter === 'positive') return !!answer?.positive && !answer.foreign;
  return !filter || state === filter;
}

/**
 * What is to be known of an image at a glance.
 * @param {Item} item
 * @returns {'waiting' | 'unreadable' | 'foreign' | 'positive' | 'negative'}
 */
export function kindOf({ state, answer }) {
  if (!answer) return state === 'unreadable' ? 'unreadable' : 'waiting';
  if (answer.foreign) return 'foreign';
  return answer.positive ? 'positive' : 'negative';
}

/**
 * The answer at a glance.
 * @param {Item} item
 */
export function inWords(item) {
  const { answer } = item;
  switch (kindOf(item)) {
    case 'waiting':
      return 'Waiting';
    case 'unreadable':
      return 'Unreadable';
    case 'foreign':
      return 'Not a radiograph it knows';
    default:
      return answer ? `${capital(answer.label)}, ${answer.probability.toFixed(3)}` : '';
  }
}

/** Told apart by shape, not by colour alone. */
export const MARKS = { waiting: '…', unreadable: '✕', foreign: '?', positive: '▲', negative: '○' };

/**
 * @param {Item} item
 * @param {boolean} isChosen
 */
function rowOf(item, isChosen) {
  const kind = kindOf(item);
  const origin = ORIGINS[item.origin];
  const spread = item.answer?.finding === 'diffuse' && kind === 'positive' ? [make('span', { class: 'tag' }, 'diffuse')] : [];
  return make(
    'li',
    { id: `row-${item.id}`, role: 'option', class: kind, 'aria-selected': `${isChosen}`, 'data-id': item.id },
    make('span', { class: 'mark', 'aria-hidden': 'true' }, MARKS[kind]),
    make('span', { class: 'name' }, nameOf(item)),
    make('span', { class: 'time' }, origin ? `${origin}, ${when(item.received)}` : when(item.received)),
    make('span', { class: 'verdict' }, inWords(item), ...spread),
  );
}

/**
 * @param {Worklist} list
 * @param {number} shown
 * @param {number} limit
 */
function count({ counts, deliveries }, shown, limit) {
  const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
  const said = [`${all} image${all === 1 ? '' : 's'}`];
  if (counts['waiting']) said.push(`${counts['waiting']} waiting`);
  if (counts['unreadable']) said.push(`${counts['unreadable']} unreadable`);
  if (deliveries['pending']) said.push(`${deliveries['pending']} to deliver`);
  if (deliveries['failed']) said.push(`${deliveries['failed']} not delivered`);
  byId('counts').textContent = said.join(' · ');
  byId('counts').classList.toggle('alarm', !!deliveries['failed']);
  byId('older').hidden = shown >= all || limit >= 1000;
}

/** @param {string} problem */
function connected(problem) {
  byId('connection').hidden = !problem;
  if (byId('connection').textContent !== problem) byId('connection').textContent = problem;
}
