/**
 * The model: what it is, its certificate and its card.
 *
 * @typedef {import('./types.js').Model} Model
 */
import * as api from './api.js';
import { byId, facts, make } from './dom.js';
import { markdown } from './markdown.js';

/** @param {Model} model */
export function showModel(model) {
  byId('model-line').textContent = `${model.name} ${model.version}, ${model.precision} · threshold ${model.task.threshold.toPrecision(3)}`;
  byId('notice').textContent = model.intended_use;
  /** @type {[string, string][]} */
  const rows = [
    ['Model', `${model.name} ${model.version}`],
    ['File', `${model.target}, ${model.precision}`],
    ['SHA-256', model.sha256],
    ['Classes', model.task.classes.join(', ')],
    ['Threshold', `${model.task.threshold.toPrecision(3)}: ${model.task.threshold_rule}`],
    ['Network input', `${model.input_size} × ${model.input_size} px`],
  ];
  const certificate = model.has_certificate
    ? make('a', { class: 'button', href: '/v1/certificate', target: '_blank', rel: 'noopener' }, 'Open the certificate')
    : make('p', { class: 'quiet' }, 'This model came without a certificate: that the file does what the network did was not shown here.');
  byId('about-content').replaceChildren(make('p', { class: 'caution' }, model.intended_use), facts(rows), certificate, ...card(model));
}

/**
 * Fetched when it is opened.
 * @param {Model} model
 */
function card(model) {
  if (!model.has_card) return [make('p', { class: 'quiet' }, 'There is no model card.')];
  const details = make('details', { id: 'card' }, make('summary', {}, 'Model card'));
  details.addEventListener(
    'toggle',
    async () => {
      try {
        details.append(markdown(await (await api.ask('/v1/model-card')).text()));
      } catch (error) {
        details.append(make('p', {}, /** @type {Error} */ (error).message));
      }
    },
    { once: true },
  );
  return [details];
}
