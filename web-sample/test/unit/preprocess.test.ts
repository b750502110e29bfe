import assert from 'node:assert/strict';
import test from 'node:test';
import { preprocess } from '../../src/preprocess.ts';
import { differing, load, type Place } from '../support/cases.ts';

interface Case {
  readonly height: number;
  readonly width: number;
  readonly size: number;
  readonly raster: Place;
  readonly input: Place;
}

test('network inputs have the bytes of Python', () => {
  const { cases, bytes } = load<Case>('rasters');
  assert.ok(cases.length >= 1000);
  let [differingBytes, all] = [0, 0];
  for (const { height, width, size, raster, input } of cases) {
    const wanted = bytes(input);
    differingBytes += differing(preprocess(bytes(raster), height, width, size), wanted);
    all += wanted.length;
  }
  console.log(`${cases.length} rasters, ${differingBytes} of ${all} bytes differ`);
  assert.equal(differingBytes, 0);
});
