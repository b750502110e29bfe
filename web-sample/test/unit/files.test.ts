import assert from 'node:assert/strict';
import test from 'node:test';
import { readRadiograph } from '../../src/image/read.ts';
import { inspectJpeg } from '../../src/image/jpeg.ts';
import { ImageError } from '../../src/radiograph.ts';
import { differing, load, type Place } from '../support/cases.ts';

interface Case {
  readonly name: string;
  readonly content: Place;
  readonly height: number;
  readonly width: number;
  readonly chroma: number;
  readonly pixels: Place;
}

const { cases, bytes } = load<Case>('files');
const needsBrowser = (name: string): boolean => name.endsWith('.jpg') || name === 'baseline.dcm';

for (const one of cases.filter(({ name }) => !needsBrowser(name))) {
  test(`${one.name} is read as Python reads it`, async () => {
    const found = await readRadiograph(bytes(one.content));
    assert.deepEqual([found.height, found.width], [one.height, one.width]);
    assert.equal(differing(found.pixels, bytes(one.pixels)), 0);
    assert.ok(Math.abs(found.chroma - one.chroma) < 1e-12);
  });
}

test('a JPEG header tells size, orientation and truncation', () => {
  for (const { name, content, height, width } of cases.filter((one) => one.name.endsWith('.jpg'))) {
    const jpeg = bytes(content);
    const header = inspectJpeg(jpeg);
    const turned = header.orientation >= 5;
    assert.deepEqual([header.height, header.width], turned ? [width, height] : [height, width]);
    if (name.startsWith('turned-')) assert.equal(header.orientation, Number(name[7]));
    for (const share of [0.3, 0.7, 0.95]) {
      assert.throws(() => inspectJpeg(jpeg.slice(0, Math.floor(jpeg.length * share))), ImageError);
    }
  }
});

test('what is damaged or of another kind is refused with a reason', async () => {
  const text = new TextEncoder().encode('not an image at all');
  await assert.rejects(readRadiograph(text), { message: 'text, not an image' });
  await assert.rejects(readRadiograph(new Uint8Array(0)), { message: 'empty file (0 bytes)' });
  await assert.rejects(readRadiograph(Uint8Array.of(0, 1, 2, 3)), { message: 'not an image of a known format' });
  for (const one of cases.filter(({ name }) => !needsBrowser(name))) {
    const content = bytes(one.content);
    await assert.rejects(readRadiograph(content.slice(0, Math.floor(content.length * 0.6))), ImageError, one.name);
  }
});

test('one changed byte in a PNG is noticed', async () => {
  const content = bytes(cases.find(({ name }) => name === 'grey.png')!.content);
  content[Math.floor(content.length / 2)]! ^= 1;
  await assert.rejects(readRadiograph(content), ImageError);
});

test('compressions that cannot be read are named', async () => {
  const content = bytes(cases.find(({ name }) => name === 'lossless-8.dcm' || name === 'rle-8.dcm')!.content);
  const written = new TextDecoder('latin1').decode(content);
  const syntax = written.match(/1\.2\.840\.10008\.1\.2\.(5|4\.70)\0?/)![0];
  const other = '1.2.840.10008.1.2.4.90'.slice(0, syntax.length).padEnd(syntax.length, '\0');
  const changed = Uint8Array.from(written.replace(syntax, other), (letter) => letter.charCodeAt(0));
  await assert.rejects(readRadiograph(changed), /compression that cannot be read here/);
});
