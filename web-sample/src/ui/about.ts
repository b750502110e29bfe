/** "About this model": what it is, what the self-test found here, its certificate and its card. */
import { Marked } from 'marked';
import { taskOf } from '../assets/contract.ts';
import type { Report, Tried } from '../messages.ts';
import { ACCELERATOR_NAMES, byId, facts, make, milliseconds } from './dom.ts';

/** The part of `certificate.json` that is shown; the whole is on its page. */
interface Certificate {
  readonly data?: { readonly name: string; readonly n: number; readonly positives: number };
  readonly artefacts?: readonly {
    readonly file: string;
    readonly verdict: {
      readonly verdict: string;
      readonly flips: readonly unknown[];
      readonly max_abs_diff: number;
      readonly criteria: readonly { readonly name: string; readonly explanation: string; readonly outcome: string }[];
    };
  }[];
}

/** Fill the dialog; `assets` is the folder of the bundle's files. */
export function fillAbout(report: Report, tried: readonly Tried[], assets: URL): void {
  const { contract, app, modelCard } = report;
  const task = taskOf(contract);
  const card = make('article', { class: 'card' });
  card.innerHTML = markdown(modelCard);
  byId('about-content').replaceChildren(
    make('p', { class: 'notice' }, contract.intended_use),
    facts([
      ['Model', `${contract.name} ${contract.version} (${contract.architecture}, ${contract.precision})`],
      ['File', app.model],
      ['Input', `${contract.input.shape[1]} × ${contract.input.shape[2]} px, ${contract.input.preprocess}`],
      ['Classes', task.classes.join(', ')],
      ['Threshold', `${task.threshold.toPrecision(3)}: ${task.threshold_rule}`],
      ['Trained on', `${contract.training_data.names.join(', ')} (${contract.training_data.licence})`],
      ['Attribution', contract.training_data.attribution],
    ]),
    make('h3', {}, 'Self-test in this browser'),
    make(
      'p',
      {},
      `The page's own code gives the same bytes as the bundle's ${report.vectors} golden vectors. Each accelerator must stay within their tolerance, or is not used.`,
    ),
    make('ul', { id: 'accelerators' }, ...tried.map(accelerator)),
    make('h3', {}, 'Certificate'),
    ...certificate(report),
    folded('The whole certificate', 'certificate', () =>
      make('iframe', {
        title: 'Certificate',
        sandbox: 'allow-same-origin', // no scripts; the same origin lets it be read without a network
        src: new URL('certificate.html', assets).href,
      }),
    ),
    make('h3', {}, 'Model card'),
    folded('The model card', 'model-card', () => card),
  );
}

function accelerator({ accelerator, state, problems, milliseconds: time }: Tried): HTMLElement {
  const measured = time === undefined ? '' : `, ${milliseconds(time)} a run`;
  const why = problems.length ? `: ${problems.slice(0, 3).join('; ')}` : '';
  return make('li', {}, make('strong', {}, ACCELERATOR_NAMES[accelerator]), ` ${state}${measured}${why}`);
}

function certificate({ certificate, app }: Report): HTMLElement[] {
  const { data, artefacts } = (certificate ?? {}) as Certificate;
  const mine = artefacts?.find(({ file }) => file === app.model);
  if (!mine || !data) return [make('p', {}, 'There is none for this file.')];
  const { verdict } = mine;
  return [
    make(
      'p',
      {},
      `Verdict: ${verdict.verdict}, on ${data.n} images of ${data.name}, ${data.positives} fractured. ${verdict.flips.length} decisions changed; largest change of a probability ${verdict.max_abs_diff.toPrecision(2)}.`,
    ),
    make(
      'ul',
      {},
      ...verdict.criteria.map(({ name, explanation, outcome }) =>
        make('li', {}, `${name.replaceAll('_', ' ')}: ${outcome} (${explanation})`),
      ),
    ),
  ];
}

/** Content that is made when it is opened. */
function folded(summary: string, id: string, content: () => HTMLElement): HTMLElement {
  const details = make('details', { id }, make('summary', {}, summary));
  details.addEventListener('toggle', () => details.append(content()), { once: true });
  return details;
}

/** Markdown -> HTML; HTML inside it is shown as text. */
function markdown(text: string): string {
  const escaped = (html: string): string => html.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const marked = new Marked({ renderer: { html: ({ text: html }) => escaped(html) } });
  return marked.parse(text, { async: false });
}
