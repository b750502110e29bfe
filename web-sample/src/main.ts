/** The page: its parts connected with each other and with the worker that computes. */
import LookWorker from './worker.ts?worker&inline';
import type { Look, Reply, Report, Request, Tried } from './messages.ts';
import { keepForOffline } from './offline.ts';
import { fillAbout } from './ui/about.ts';
import { showAnswer } from './ui/answer.ts';
import { ACCELERATOR_NAMES, byId, make, milliseconds } from './ui/dom.ts';
import { connectInput } from './ui/input.ts';
import { drawLegend } from './ui/legend.ts';
import { connectViewer } from './ui/viewer.ts';

const assets = new URL('edgefrac/', document.baseURI);
const worker = new LookWorker();
let report: Report | undefined;
let asked = 0; // only the answer to the last question is shown
let name = '';

worker.onmessage = ({ data }: MessageEvent<Reply>) => {
  if (data.kind === 'ready') started(data.report);
  else if (data.kind === 'refused') refused(data.reasons);
  else if (data.kind === 'accelerators') accelerated(data.tried);
  else if (data.id === asked && data.kind === 'looked') answered(data.look);
  else if (data.id === asked && data.kind === 'failed') failed(data.message, data.hint);
};
worker.onerror = ({ message }) => refused([message || 'the worker could not be started']);
ask({ kind: 'start', assets: assets.href, runtime: new URL(RUNTIME_FOLDER, document.baseURI).href });

connectViewer();
connectInput(look);
byId('example').addEventListener('click', () => look(new Blob([report!.example]), 'a phantom, not clinical'));
byId('about-open').addEventListener('click', () => byId<HTMLDialogElement>('about').showModal());

function ask(request: Request, transfer: Transferable[] = []): void {
  worker.postMessage(request, transfer);
}

async function look(file: Blob, called: string): Promise<void> {
  if (!report) return;
  asked++;
  name = called;
  byId('busy').textContent = `Looking at ${called}…`;
  byId('failure').hidden = true;
  const bytes = await file.arrayBuffer();
  ask({ kind: 'look', id: asked, bytes }, [bytes]);
}

function answered(found: Look): void {
  byId('busy').textContent = '';
  showAnswer(found, report!.contract, name);
  byId('result').scrollIntoView({ block: 'nearest' });
  document.dispatchEvent(new CustomEvent('edgefrac-answer', { detail: found }));
}

function failed(message: string, hint: string): void {
  byId('busy').textContent = '';
  byId('result').hidden = true;
  byId('failure').hidden = false;
  byId('failure').replaceChildren(
    make('strong', {}, `${name}: ${message}.`),
    hint ? ` ${hint[0]!.toUpperCase()}${hint.slice(1)}.` : '',
  );
  document.dispatchEvent(new CustomEvent('edgefrac-failure', { detail: message }));
}

function started(found: Report): void {
  report = found;
  byId('notice').textContent = found.contract.intended_use;
  drawLegend(found.app.display);
  accelerated(found.tried);
  for (const id of ['file', 'example', 'about-open']) byId<HTMLInputElement>(id).disabled = false;
  void keepForOffline(found.fetched, assets);
}

function accelerated(tried: readonly Tried[]): void {
  fillAbout(report!, tried, assets);
  const used = tried.find(({ state }) => state === 'in use')!;
  const text = `Self-test passed: ${report!.vectors} of ${report!.vectors} golden vectors. ${ACCELERATOR_NAMES[used.accelerator]}, ${milliseconds(used.milliseconds!)} a run`;
  byId('status').dataset['state'] = 'passed';
  byId('status').replaceChildren(make('span', {}, text));
}

/** Nothing can be looked at: say why. */
function refused(reasons: readonly string[]): void {
  byId('status').dataset['state'] = 'refused';
  byId('status').replaceChildren(make('span', {}, 'No model in use'));
  byId('problems').hidden = false;
  byId('problems').replaceChildren(
    make('strong', {}, 'No model is in use, so nothing can be looked at. The reason:'),
    make('ul', {}, ...reasons.slice(0, 8).map((reason) => make('li', {}, reason))),
  );
}
