/** Files dropped, chosen or pasted -> the work list, some at a time. Their names stay in this browser. */
import { Refused, refusal } from './api.js';
import { byId, make, percent } from './dom.js';
import { remember } from './names.js';

const AT_ONCE = 2;
const TRIES = 20;
const SHOWN_SECONDS = 4;

/** @type {{file: File, row: Row}[]} */
const queue = [];
let sending = 0;

/**
 * Take files from everywhere in the page.
 * @param {(id: string, isNew: boolean) => void} arrived
 */
export function connectIntake(arrived) {
  const input = byId('files');
  /** @param {Iterable<File> | null | undefined} files */
  const take = (files) => {
    for (const file of files ?? []) queue.push({ file, row: new Row(file.name) });
    next(arrived);
  };
  input.addEventListener('change', () => {
    take([...input.files]);
    input.value = ''; // so that the same file can be chosen again
  });
  /** @param {boolean} over */
  const over = (over) => (byId('dropping').hidden = !over);
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => relatedTarget || over(false));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    over(false);
    take(event.dataTransfer?.files);
  });
  document.addEventListener('paste', ({ clipboardData }) => take(clipboardData?.files));
}

/** @param {(id: string, isNew: boolean) => void} arrived */
function next(arrived) {
  while (sending < AT_ONCE && queue.length) {
    const { file, row } = /** @type {{file: File, row: Row}} */ (queue.shift());
    sending++;
    send(file, row)
      .then(({ id, new: isNew }) => {
        remember(id, file.name);
        row.done(isNew);
        arrived(id, isNew);
      })
      .catch((/** @type {Error} */ error) => row.failed(error.message))
      .finally(() => {
        sending--;
        next(arrived);
      });
  }
}

/**
 * Send a file; while the server has no room, again and again.
 * @param {File} file
 * @param {Row} row
 * @returns {Promise<{id: string, new: boolean}>}
 */
async function send(file, row) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await post(file, (share) => row.progress(share));
    } catch (error) {
      const isBusy = error instanceof Refused && (error.status === 429 || error.status === 503);
      if (!isBusy || attempt === TRIES) throw error;
      row.waits(`${error.message}. Tried again…`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.max(1, error.retryAfter)));
    }
  }
}

/**
 * `fetch` tells nothing of how far an upload is; this does.
 * @param {File} file
 * @param {(share: number) => void} progress
 * @returns {Promise<{id: string, new: boolean}>}
 */
function post(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/v1/worklist?origin=page');
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.addEventListener('progress', ({ loaded, total }) => progress(total ? loaded / total : 1));
    request.addEventListener('error', () => reject(new Refused(0, 'The server does not answer')));
    request.addEventListener('load', () => {
      const { status, responseText } = request;
      if (status === 202) resolve(JSON.parse(responseText)[0]);
      else reject(refusal(status, responseText, request.getResponseHeader('Retry-After')));
    });
    request.send(file);
  });
}

/** How it goes with one file: its part of the common bar, and a line of its own if it fails. */
class Row {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.share = 0;
    this.words = '';
    this.isOver = false;
    batch.push(this);
    summarise();
  }

  /** @param {number} share */
  progress(share) {
    this.share = share;
    this.words = '';
    summarise();
  }

  /** @param {string} words */
  waits(words) {
    this.words = words;
    summarise();
  }

  /** @param {boolean} isNew */
  done(isNew) {
    this.share = 1;
    this.words = '';
    this.isOver = true;
    if (!isNew) line(this.name, 'is in the work list already', '');
    summarise();
  }

  /** @param {string} words */
  failed(words) {
    this.share = 1;
    this.words = '';
    this.isOver = true;
    line(this.name, `Not added. ${words}.`, 'failed');
    summarise();
  }
}

/** What is under way. @type {Row[]} */
let batch = [];
const bar = make('progress', { max: '1', value: '0', 'aria-label': 'Sending' });
const words = make('span', { class: 'words' });
const summary = make('div', { class: 'upload' }, words, bar);

function summarise() {
  const over = batch.filter(({ isOver }) => isOver).length;
  if (over === batch.length) {
    batch = [];
    summary.remove();
    return;
  }
  bar.value = batch.reduce((sum, { share }) => sum + share, 0) / batch.length;
  const waiting = batch.find((row) => row.words)?.words;
  words.textContent = waiting ?? (batch.length === 1 ? `Sending, ${percent(bar.value)}` : `Sending ${over + 1} of ${batch.length}`);
  if (!summary.isConnected) byId('uploads').prepend(summary);
}

/**
 * @param {string} name
 * @param {string} said
 * @param {string} kind
 */
function line(name, said, kind) {
  const row = make('div', { class: `upload ${kind}` }, make('strong', {}, name), make('span', { class: 'words' }, said));
  byId('uploads').append(row);
  if (kind !== 'failed') {
    setTimeout(() => row.remove(), SHOWN_SECONDS * 1000);
    return;
  }
  const away = make('button', { type: 'button', 'aria-label': 'Dismiss' }, '✕');
  away.addEventListener('click', () => row.remove());
  row.append(away);
}
