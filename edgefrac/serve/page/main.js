/**
 * The page: its parts connected with each other.
 *
 * @typedef {import('./types.js').Delivery} Delivery
 * @typedef {import('./types.js').Item} Item
 * @typedef {import('./types.js').Model} Model
 * @typedef {import('./types.js').Region} Region
 */
import { showModel } from './about.js';
import { showAnswer } from './answer.js';
import * as api from './api.js';
import { connectControls, setDrag } from './controls.js';
import { byId, say } from './dom.js';
import { forgetImages, load } from './image.js';
import { connectIntake } from './intake.js';
import { connectKeys } from './keys.js';
import { drawLegend } from './legend.js';
import { forget, known, remember } from './names.js';
import { pictureOf, save } from './picture.js';
import { connectTheme } from './theme.js';
import { Viewer } from './viewer.js';
import { inWords, kindOf, List, MARKS } from './worklist.js';

const viewer = new Viewer();
const list = new List(chosen);
/** @type {Model | undefined} */
let model;
/** Of foreign images whose answer somebody wanted to see all the same. @type {Set<string>} */
const anyway = new Set();
/** @type {{key: string, loading: AbortController} | undefined} */
let shown;

connectControls(viewer);
connectKeys(viewer, list);
connectTheme();
setDrag('window');
let batch = 0;
connectIntake((id, isNew) => {
  if (!batch || !isNew) list.choose(id);
  clearTimeout(batch);
  batch = setTimeout(() => (batch = 0), 3000); // the first of several is looked at, the others come into the list
  void list.refresh().catch(() => {}); // the list's own watch says what is wrong
});
byId('about-open').addEventListener('click', () => byId('about').showModal());
byId('help-open').addEventListener('click', () => byId('help').showModal());
byId('login').addEventListener('cancel', (/** @type {Event} */ event) => event.preventDefault());
byId('login-form').addEventListener('submit', login);
byId('logout').addEventListener('click', logout);
api.wantsToken.addEventListener('wanted', () => {
  if (!byId('login').open) byId('login').showModal();
});
void start();

async function start() {
  try {
    model = await api.model();
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) return; // the login goes on from here
    stageNote('The server does not answer: tried again');
    setTimeout(start, 2000);
    return;
  }
  stageNote('Add a radiograph, or choose one from the list');
  byId('logout').hidden = !known('session');
  showModel(model);
  drawLegend(model);
  await list.watch();
}

/** @param {SubmitEvent} event */
async function login(event) {
  event.preventDefault();
  const problem = byId('login-error');
  try {
    await api.login(byId('token').value);
  } catch (error) {
    problem.hidden = false;
    problem.textContent = `${/** @type {Error} */ (error).message}.`;
    return;
  }
  problem.hidden = true;
  byId('token').value = '';
  remember('session', 'yes');
  byId('login').close();
  await start();
}

async function logout() {
  await api.logout();
  forget();
  forgetImages();
  location.reload();
}

/**
 * Show the chosen image, or what has become of it.
 * @param {Item | undefined} item
 */
function chosen(item) {
  const key = item ? `${item.id} ${item.state}` : '';
  if (key === shown?.key) {
    if (item) void refreshDeliveries(item);
    return;
  }
  shown?.loading.abort();
  shown = { key, loading: new AbortController() };
  if (!item) {
    viewer.show(undefined, true);
    byId('answer').hidden = true;
    byId('glance').hidden = true;
    stageNote('Add a radiograph, or choose one from the list');
    return;
  }
  tell(item, []);
  void refreshDeliveries(item);
  void look(item, shown.loading.signal);
}

/**
 * @param {Item} item
 * @param {AbortSignal} signal
 */
async function look(item, signal) {
  if (!item.answer) {
    byId('viewer').setAttribute('aria-busy', 'false');
    viewer.show(undefined, true);
    stageNote(item.state === 'waiting' ? 'Waiting to be read' : 'There is nothing to show');
    return;
  }
  viewer.blank();
  byId('viewer').setAttribute('aria-busy', 'true');
  const slow = setTimeout(() => stageNote('Fetching the image…'), 150);
  try {
    const image = await load(item.id, item.answer, signal);
    if (signal.aborted) return;
    stageNote('');
    viewer.show(image, counts(item));
    describe(item);
  } catch (error) {
    if (signal.aborted) return;
    viewer.show(undefined, true);
    stageNote(`${/** @type {Error} */ (error).message}.`);
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) byId('viewer').setAttribute('aria-busy', 'false');
  }
}

/** @param {Item} item */
function counts(item) {
  return !item.answer?.foreign || anyway.has(item.id);
}

/** The deliveries last shown, as text. */
let told = '';

/** @param {Item} item */
async function refreshDeliveries(item) {
  try {
    const { deliveries } = await api.item(item.id);
    if (list.id === item.id && JSON.stringify(deliveries) !== told) tell(item, deliveries);
  } catch {
    // the list's own watch says what is wrong
  }
}

/**
 * @param {Item} item
 * @param {Delivery[]} deliveries
 */
function tell(item, deliveries) {
  told = JSON.stringify(deliveries);
  glance(item);
  showAnswer(item, deliveries, counts(item), model?.sha256 === item.answer?.model_sha256 ? (model?.task.threshold_rule ?? '') : '', {
    showAnyway: () => {
      anyway.add(item.id);
      viewer.show(viewer.image, true);
      tell(item, deliveries);
      describe(item);
      byId('verdict').focus();
    },
    savePicture: () => void savePicture(item),
    deliverAgain: async (button) => {
      button.disabled = true;
      tell(item, (await api.deliverAgain(item.id)).deliveries);
    },
    remove: async () => {
      await api.remove(item.id);
      await list.refresh();
    },
    lookAt: ({ box }) => lookAt(box),
  });
}

/** @param {Item} item */
async function savePicture(item) {
  if (!viewer.image) return;
  const notice = byId('notice').textContent ?? '';
  save(await pictureOf(viewer.image, viewer.seen, notice, counts(item)), `edgefrac-${item.id.slice(0, 8)}.png`);
  say('Picture saved');
}

/**
 * Bring a region to the middle, a third of the canvas large.
 * @param {Region['box']} box
 */
function lookAt([x, y, width, height]) {
  const { canvas } = viewer;
  viewer.zoom(Math.min(canvas.width / width, canvas.height / height) / 3 / viewer.scale);
  viewer.pan(canvas.width / 2 - (viewer.x + (x + width / 2) * viewer.scale), canvas.height / 2 - (viewer.y + (y + height / 2) * viewer.scale));
}

/**
 * The picture in words, for those who do not see it.
 * @param {Item} item
 */
function describe(item) {
  const count = item.answer?.regions.length ?? 0;
  const where = count ? `${count} framed region${count > 1 ? 's' : ''}` : 'no single region';
  const words = counts(item) ? `The radiograph under its evidence map, with ${where}. The list beside it says where.` : 'The image without evidence: it is not of the kind that the model was trained on.';
  byId('canvas').setAttribute('aria-label', words);
  byId('controls').classList.toggle('no-evidence', !counts(item) || !item.answer?.scale);
}

/**
 * The answer on the image, where the screen is too narrow for it beside.
 * @param {Item} item
 */
function glance(item) {
  const chip = byId('glance');
  const diffuse = item.answer?.finding === 'diffuse' && counts(item) ? ', diffuse' : '';
  chip.hidden = item.state === 'waiting';
  chip.className = kindOf(item);
  chip.textContent = `${MARKS[kindOf(item)]} ${inWords(item)}${diffuse}`;
}

/** @param {string} text */
function stageNote(text) {
  byId('stage-note').textContent = text;
}
