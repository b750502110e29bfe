/** The page's answers in Chromium, on images that Python answered with the same model file. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { readAssets } from '../support/assets.ts';
import { differing, load, type Place } from '../support/cases.ts';
import { Site } from '../support/site.ts';
import { launch, Visit, type Answer } from '../support/visit.ts';

interface Case {
  readonly file: string;
  readonly real: boolean;
  readonly input: Place;
  readonly evidence: Place;
  readonly picture?: Place;
  readonly row: {
    readonly probability: number;
    readonly positive: boolean;
    readonly label: string;
    readonly finding: string;
    readonly peak: [number, number];
    readonly regions: { box: number[]; share: number }[];
    readonly foreign?: string;
  };
}

const { cases, bytes, floats } = load<Case>('answers');
const { vectors, files } = await readAssets();
const limits = JSON.parse(new TextDecoder().decode(files.get('certificate.json'))).limits as { flips: number };
const tolerance = Math.min(...vectors.map((vector) => vector.probability_tolerance));
const cellTolerance = Math.min(...vectors.map((vector) => vector.evidence_tolerance));

let browser: Browser;
let site: Site;
let visit: Visit;
before(async () => {
  [browser, site] = await Promise.all([launch(), Site.open()]);
  visit = await Visit.to(browser, site.address);
});
after(async () => {
  await browser.close();
  await site.close();
});

function largest(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  assert.equal(found.length, wanted.length);
  let most = 0;
  for (let at = 0; at < found.length; at++) most = Math.max(most, Math.abs(found[at]! - wanted[at]!));
  return most;
}

async function compare(kind: string, some: readonly Case[]): Promise<void> {
  assert.ok(some.length >= 100);
  let [flips, probability, evidence, inputBytes, grey] = [0, 0, 0, 0, 0];
  for (const one of some) {
    const found = (await visit.give(`build/cases/${one.file}`)) as Answer;
    assert.notEqual(typeof found, 'string', `${one.file}: ${found as unknown as string}`);
    const { decision } = found;
    const off = differing(found.networkInput, bytes(one.input));
    inputBytes += off;
    grey = Math.max(grey, largest(found.networkInput, bytes(one.input)));
    probability = Math.max(probability, Math.abs(decision.probability - one.row.probability));
    evidence = Math.max(evidence, largest(found.evidence, floats(one.evidence)));
    if (decision.positive !== one.row.positive) flips++;
    assert.equal(found.foreign, one.row.foreign);
    if (decision.positive === one.row.positive && off === 0) {
      assert.deepEqual([decision.label, decision.finding], [one.row.label, one.row.finding]);
      assert.equal(decision.regions.length, one.row.regions.length);
      assert.ok(largest(decision.peak, one.row.peak) <= 0.051);
    }
  }
  console.log(
    `${some.length} ${kind}: ${inputBytes} input bytes differ (by ${grey} at most); largest difference of ` +
      `probability ${probability.toPrecision(2)} (${tolerance} allowed), evidence ${evidence.toPrecision(2)} (${cellTolerance} allowed); ${flips} decisions changed`,
  );
  assert.ok(probability <= tolerance && evidence <= cellTolerance);
  assert.ok(flips <= limits.flips * some.length);
  if (some.every(({ file }) => file.endsWith('.png'))) assert.equal(inputBytes, 0);
}

test('the self-test passes, and nothing is left to choose but a file', async () => {
  assert.equal(await visit.state, 'passed');
  assert.match((await visit.page.textContent('#status'))!, new RegExp(`${vectors.length} of ${vectors.length}`));
});

test('phantoms are answered as Python answers them', async () => {
  await compare(
    'phantoms',
    cases.filter(({ real }) => !real),
  );
});

const radiographs = cases.filter(({ real }) => real);
test(
  'radiographs are answered as Python answers them',
  { skip: radiographs.length ? false : 'no radiographs here' },
  async () => {
    await compare('radiographs', radiographs);
  },
);

test("the overlay's pixels are Python's", async () => {
  let [off, all] = [0, 0];
  for (const one of cases.filter(({ picture }) => picture).slice(0, 12)) {
    await visit.give(`build/cases/${one.file}`);
    const rgb = (await visit.pixels('painted')).filter((_, at) => at % 4 < 3);
    off += differing(rgb, bytes(one.picture!));
    all += rgb.length;
  }
  console.log(`overlays on the canvas: ${off} of ${all} bytes differ`);
  assert.equal(off, 0);
});

test('JPEG files and JPEG in DICOM have the grey levels of Python, turned as their EXIF says', async () => {
  const { cases: written, bytes: content } = load<{
    name: string;
    content: Place;
    pixels: Place;
    width: number;
    height: number;
  }>('files');
  const some = written.filter(({ name }) => name.endsWith('.jpg') || name === 'baseline.dcm');
  assert.ok(some.length > 8);
  let [most, off, all] = [0, 0, 0];
  for (const one of some) {
    const found = await visit.give({ name: one.name, mimeType: '', buffer: Buffer.from(content(one.content)) });
    assert.notEqual(typeof found, 'string', one.name);
    const grey = (await visit.pixels('plain')).filter((_, at) => at % 4 === 0);
    const wanted = content(one.pixels);
    most = Math.max(most, largest(grey, wanted));
    off += differing(grey, wanted);
    all += wanted.length;
  }
  console.log(`${some.length} JPEGs: ${off} of ${all} pixels differ, by ${most} grey levels at most`);
  assert.ok(most <= 1);
});

test('a DICOM file is shown as Python shows it', async () => {
  const { cases: written, bytes: content } = load<{ name: string; content: Place; pixels: Place }>('files');
  const one = written.find(({ name }) => name === 'signed.dcm')!;
  await visit.give({ name: one.name, mimeType: '', buffer: Buffer.from(content(one.content)) });
  const grey = (await visit.pixels('plain')).filter((_, at) => at % 4 === 0);
  assert.equal(differing(grey, content(one.pixels)), 0);
});
