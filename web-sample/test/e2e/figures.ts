/** `npm run figures`: how long a first answer takes, what all besides the network costs, and how large the page is. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Site } from '../support/site.ts';
import { launch, Visit, type Answer } from '../support/visit.ts';

const LIMITS = { firstAnswer: 3000, ratio: 1.5, page: 1e6 };
const LOADS = 5;

function sizeOf(folder: string, isCounted: (path: string) => boolean): number {
  const files = readdirSync(folder, { recursive: true }) as string[];
  return files
    .filter((path) => isCounted(path) && statSync(join(folder, path)).isFile())
    .reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]!;
}

const site = await Site.open();
const images = readdirSync('build/cases/images').map((file) => join('build/cases/images', file));
const first: number[] = [];
for (let load = 0; load < LOADS; load++) {
  const browser = await launch();
  const visit = await Visit.to(browser, site.address);
  await visit.give(images[0]!);
  first.push(await visit.page.evaluate(() => performance.now()));
  await browser.close();
}
const browser = await launch();
const visit = await Visit.to(browser, site.address);
const answers: Answer[] = [];
for (const image of images) answers.push((await visit.give(image)) as Answer);
await browser.close();
await site.close();

const later = answers.slice(5);
const ratios = later.map(
  ({ timings: { preprocess, run, decide, overlay } }) => (preprocess + run + decide + overlay) / run,
);
const part = (name: keyof Answer['timings']): string =>
  `${name} ${median(later.map(({ timings }) => timings[name])).toFixed(1)}`;
const page = sizeOf('dist', (path) => !path.startsWith('litert-') && !path.startsWith('edgefrac'));
const rows: [string, number, number, string][] = [
  [
    'first answer after the load began, ms',
    median(first),
    LIMITS.firstAnswer,
    `median of ${LOADS} fresh browsers: ${first.map((time) => Math.round(time)).join(', ')}`,
  ],
  [
    'preprocess, network, decision and overlay, as a multiple of the network alone',
    median(ratios),
    LIMITS.ratio,
    `median of ${later.length} images; ms: ${part('preprocess')}, ${part('run')}, ${part('decide')}, ${part('overlay')} (and ${part('decode')} to read the file)`,
  ],
  [
    'page besides runtime and model, bytes',
    page,
    LIMITS.page,
    `runtime ${sizeOf('dist', (path) => path.startsWith('litert-'))} (one of two variants is loaded), bundle ${sizeOf('dist', (path) => path.startsWith('edgefrac'))}`,
  ],
];
for (const [name, found, limit, note] of rows)
  console.log(`${found <= limit ? 'ok    ' : 'MISSED'} ${name}: ${Number(found.toFixed(2))} (limit ${limit}; ${note})`);
console.log(readFileSync('/proc/cpuinfo', 'utf8').match(/model name\s*: (.*)/)?.[1] ?? '');
process.exitCode = rows.every(([, found, limit]) => found <= limit) ? 0 : 1;
