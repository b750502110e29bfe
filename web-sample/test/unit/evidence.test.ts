import assert from 'node:assert/strict';
import test from 'node:test';
import type { Display } from '../../src/assets/app.ts';
import type { Familiar } from '../../src/assets/contract.ts';
import { density, evidencePeak, toRaster } from '../../src/evidence.ts';
import { distance, foreign } from '../../src/familiarity.ts';
import { Painter } from '../../src/overlay.ts';
import { Placement, preprocess } from '../../src/preprocess.ts';
import { evidenceRegions } from '../../src/regions.ts';
import { readAssets } from '../support/assets.ts';
import { differing, load, type Place } from '../support/cases.ts';

interface Case {
  readonly size: number;
  readonly height: number;
  readonly width: number;
  readonly cells: number;
  readonly bias: number;
  readonly temperature: number;
  readonly grey: Place;
  readonly evidence: Place;
  readonly shares: Place | null;
  readonly picture: Place;
  readonly peak: [number, number];
  readonly regions: { box: number[]; log_odds: number; share: number }[];
  readonly familiar: Familiar;
  readonly distance: number;
  readonly foreign: string | null;
}

const { cases, bytes, floats } = load<Case>('maps');
const { app } = await readAssets();
const display: Display = app.display;

function parts(one: Case) {
  const evidence = { rows: one.cells, columns: one.cells, values: floats(one.evidence) };
  return { grey: bytes(one.grey), evidence, placement: new Placement(one.height, one.width, one.size) };
}

function near(found: number, wanted: number, relative: number): boolean {
  return Math.abs(found - wanted) <= relative * Math.max(1, Math.abs(wanted));
}

test('overlays have the bytes of Python', () => {
  const painter = new Painter(display);
  let [off, all] = [0, 0];
  for (const one of cases) {
    const { grey, evidence, placement } = parts(one);
    const picture = painter.painted(grey, one.height, one.width, evidence, placement, one);
    const rgb = picture.filter((_, at) => at % 4 < 3);
    off += differing(rgb, bytes(one.picture));
    all += rgb.length;
  }
  console.log(`${cases.length} overlays, ${off} of ${all} bytes differ`);
  assert.equal(off, 0);
});

test('evidence between cells is the single-precision number of Python', () => {
  let [off, all] = [0, 0];
  for (const one of cases) {
    if (!one.shares) continue;
    const { evidence, placement } = parts(one);
    const found = toRaster(density(evidence, one.bias, one.temperature), placement, one.height, one.width);
    off += differing(found, floats(one.shares));
    all += found.length;
  }
  console.log(`${off} of ${all} numbers between cells differ`);
  assert.ok(all > 100_000);
  assert.equal(off, 0);
});

test('peaks are where Python finds them', () => {
  for (const one of cases) {
    const { evidence, placement } = parts(one);
    assert.deepEqual(evidencePeak(evidence, placement), one.peak);
  }
});

test('regions are those of Python', () => {
  let several = 0;
  for (const one of cases) {
    const { evidence, placement } = parts(one);
    const found = evidenceRegions(evidence, placement, one, display);
    assert.equal(found.length, one.regions.length);
    if (found.length > 1) several++;
    found.forEach((region, index) => {
      const wanted = one.regions[index]!;
      region.box.forEach((value, at) => assert.ok(near(value, wanted.box[at]!, 1e-9)));
      // Python adds in single precision
      assert.ok(near(region.logOdds, wanted.log_odds, 1e-5) && near(region.share, wanted.share, 1e-5));
    });
  }
  assert.ok(several > 20);
});

test('distances from the training radiographs are those of Python, and so is what is foreign', () => {
  let strange = 0;
  for (const one of cases) {
    const input = preprocess(bytes(one.grey), one.height, one.width, one.size);
    const found = distance(input, one.size, one.familiar);
    assert.ok(near(found / one.distance, 1, 1e-9), `${found} instead of ${one.distance}`);
    assert.equal(foreign(0, display.coloured, input, one.size, one.familiar) ?? null, one.foreign);
    if (one.foreign) strange++;
  }
  assert.ok(strange > 10 && strange < cases.length - 10);
});
