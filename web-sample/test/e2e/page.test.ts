/** How the page behaves: with what it must refuse, without a network, with a keyboard, on a phone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { encode } from 'fast-png';
import type { Browser } from 'playwright-core';
import { Site } from '../support/site.ts';
import { launch, Visit, type Answer } from '../support/visit.ts';

const IMAGE = 'build/cases/images/phantom-3-006.png';

let browser: Browser;
let site: Site;
before(async () => {
  [browser, site] = await Promise.all([launch(), Site.open()]);
});
afterEach(() => site.changed.clear());
after(async () => {
  await browser.close();
  await site.close();
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
}

function app(): { model: string; files: { path: string }[] } {
  return JSON.parse(new TextDecoder().decode(site.read('edgefrac/app.json')));
}

async function refusal(): Promise<string> {
  const visit = await Visit.to(browser, site.address);
  assert.equal(await visit.state, 'refused');
  assert.ok(await visit.page.isDisabled('#file'));
  assert.ok(await visit.page.isVisible('#problems'));
  const words = (await visit.page.textContent('#problems'))!;
  await visit.close();
  return words;
}

test('a model with one changed byte is refused', async () => {
  const { model } = app();
  const bytes = site.read(`edgefrac/${model}`);
  site.change(model, flipped(bytes, bytes.length >> 1));
  assert.match(await refusal(), new RegExp(`${model}: changed`));
});

test('a model that computes something else is refused even where the checksum was changed with it', async () => {
  const { model } = app();
  const bytes = site.read(`edgefrac/${model}`);
  const changed = bytes.slice();
  // weights are most of the file: a stretch of them set to 0 leaves a sound file with other answers
  changed.fill(0, bytes.length >> 1, (bytes.length >> 1) + 20_000);
  site.change(model, changed, true);
  assert.match(await refusal(), /is off by/);
});

test('golden numbers that the runtime does not reproduce are a refusal', async () => {
  const document = JSON.parse(new TextDecoder().decode(site.read('edgefrac/golden/vectors.json')));
  for (const row of document.vectors[0].evidence)
    for (const cell of row) cell[0] -= 3 * document.vectors[0].evidence_tolerance;
  site.change('golden/vectors.json', new TextEncoder().encode(JSON.stringify(document)), true);
  assert.match(await refusal(), new RegExp(document.vectors[0].name));
});

test('one changed byte of a golden is refused', async () => {
  const path = app().files.find((file) => file.path.endsWith('.input.png'))!.path;
  const bytes = site.read(`edgefrac/${path}`);
  site.change(path, flipped(bytes, bytes.length >> 1));
  assert.match(await refusal(), /input\.png: changed/);
});

test('without a bundle the page says how to get one', async () => {
  site.changed.set('edgefrac/app.json', new TextEncoder().encode('<!doctype html>'));
  assert.match(await refusal(), /app\.json: not JSON/);
});

test('wrong files are declined in words, and the next good one is answered', async () => {
  const visit = await Visit.to(browser, site.address);
  const give = (name: string, buffer: Buffer): Promise<unknown> => visit.give({ name, mimeType: '', buffer });
  assert.equal(await give('radiograph.png', Buffer.from('only text')), 'text, not an image');
  const jpeg = Buffer.from(await jpegOf(visit));
  assert.equal(await give('cut.jpg', jpeg.subarray(0, jpeg.length >> 1)), 'truncated JPEG file');
  assert.match((await give('cut.png', readFileSync(IMAGE).subarray(0, 3000))) as string, /damaged or truncated PNG/);
  assert.ok(await visit.page.isVisible('#failure'));
  assert.notEqual(typeof (await visit.give(IMAGE)), 'string');
  assert.ok(await visit.page.isHidden('#failure'));
  assert.deepEqual(visit.errors, []);
  await visit.close();
});

/** A JPEG made by the browser itself. */
async function jpegOf(visit: Visit): Promise<number[]> {
  return visit.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(200, 160);
    const context = canvas.getContext('2d')!;
    for (let x = 0; x < 200; x++) {
      context.fillStyle = `rgb(${x}, ${x}, ${x})`;
      context.fillRect(x, 0, 1, 160);
    }
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg' })).arrayBuffer())];
  });
}

test('a colour photograph gets no answer, and what was computed only on request, as not counting', async () => {
  const visit = await Visit.to(browser, site.address);
  const [width, height] = [320, 240];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
    return [200 - y / 2, 90 + x / 4, 40 + ((x * y) % 90)][at % 3]!;
  });
  const photo = Buffer.from(encode({ width, height, data, channels: 3, depth: 8 }));
  const answer = await visit.give({ name: 'holiday.png', mimeType: 'image/png', buffer: photo });
  assert.equal((answer as { foreign: string }).foreign, 'it is a colour image, and radiographs are grey');
  const { page } = visit;
  assert.equal(await page.textContent('#answer-title'), 'No answer');
  assert.ok(await page.isHidden('#painted'));
  assert.equal(await page.locator('#probability').count(), 0);
  await page.getByRole('button', { name: 'Show what was computed all the same' }).click();
  assert.ok(await page.isVisible('#painted'));
  assert.match((await page.textContent('#answer'))!, /does not count/);
  await visit.close();
});

test('after the first load the page works without a network, in full', async () => {
  const visit = await Visit.to(browser, site.address);
  const { page } = visit;
  await page.waitForFunction(() => document.documentElement.dataset['offline'] === 'ready');
  await page.context().setOffline(true);
  await page.reload();
  await visit.tested();
  assert.equal(await visit.state, 'passed');
  assert.notEqual(typeof (await visit.give(IMAGE)), 'string');
  await page.click('#about-open');
  await page.click('#certificate summary');
  await page.frameLocator('iframe').locator('h1').waitFor();
  await visit.close();
});

test('a new bundle replaces the one that was kept', async () => {
  const visit = await Visit.to(browser, site.address);
  const { page } = visit;
  await page.waitForFunction(() => document.documentElement.dataset['offline'] === 'ready');
  const card = new TextEncoder().encode('# Another card\n\n<script>alert(1)</script>\n');
  site.change('MODEL_CARD.md', card, true);
  await page.reload();
  await visit.tested();
  await page.click('#about-open');
  await page.click('#model-card summary');
  assert.match((await page.textContent('.card'))!, /Another card/);
  assert.equal(await page.locator('.card script').count(), 0);
  await visit.close();
});

test('nothing goes anywhere else, and could not', async () => {
  const visit = await Visit.to(browser, site.address);
  await visit.give(IMAGE);
  await visit.page.click('#about-open');
  await visit.page.click('#certificate summary');
  await visit.page.frameLocator('iframe').locator('h1').waitFor();
  await visit.page.waitForFunction(() => document.documentElement.dataset['offline'] === 'ready');
  const elsewhere = visit.requests.filter(
    (url) => !url.startsWith(site.address) && !url.startsWith(`blob:${site.address}`),
  );
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(visit.errors, []);
  const other = await Site.open();
  const reach = (url: string): Promise<string> =>
    fetch(url, { mode: 'no-cors' }).then(
      () => 'reached',
      () => 'blocked',
    );
  assert.equal(await visit.page.evaluate(reach, other.address), 'blocked');
  // the worker, which has the image, is held by the same policy
  assert.equal(await visit.page.workers()[0]!.evaluate(reach, other.address), 'blocked');
  await other.close();
  await visit.close();
});

test('all works with a keyboard, and has a name for a screen reader', async () => {
  const visit = await Visit.to(browser, site.address);
  const { page } = visit;
  await visit.give(IMAGE);
  if (await page.getByRole('button', { name: 'all the same' }).count())
    await page.getByRole('button', { name: 'all the same' }).click();
  await page.getByRole('slider', { name: 'Evidence' }).focus();
  for (let step = 0; step < 10; step++) await page.keyboard.press('ArrowLeft');
  assert.equal(await page.textContent('#opacity-value'), '90 %');
  assert.equal(await page.evaluate(() => document.getElementById('painted')!.style.opacity), '0.9');
  await page.getByRole('checkbox', { name: 'Regions and peak' }).press('Space');
  assert.ok(await page.isHidden('#marks'));
  const chooser = page.waitForEvent('filechooser');
  await page.getByLabel('Choose a radiograph').press('Enter');
  await chooser;
  await page.getByRole('button', { name: 'About this model' }).press('Enter');
  assert.ok(await page.getByRole('dialog', { name: 'About this model' }).isVisible());
  await page.keyboard.press('Escape');
  assert.ok(await page.getByRole('dialog').isHidden());
  assert.match((await page.textContent('#said'))!, /probability 0\.\d{3}, (at or above|below) the threshold/);
  assert.match((await page.getByRole('img').getAttribute('aria-label'))!, /evidence/);
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, input, iframe, dialog')]
      .filter(
        (one) =>
          !(
            one.textContent ||
            one.ariaLabel ||
            one.title ||
            one.getAttribute('aria-labelledby') ||
            (one as HTMLInputElement).labels?.length
          ),
      )
      .map(({ outerHTML }) => outerHTML),
  );
  assert.deepEqual(nameless, []);
  await visit.close();
});

test('on a phone nothing is wider than the screen, and the notice stays in sight', async () => {
  const visit = await Visit.to(browser, site.address, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  const { page } = visit;
  await visit.give(IMAGE);
  await page.click('#answer details summary');
  const width = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(await width(), 390);
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  assert.ok((await page.locator('#notice').boundingBox())!.y >= 0);
  await page.click('#about-open');
  await page.click('#model-card summary');
  assert.equal(await width(), 390);
  await visit.close();
});

test('a file dropped on the page is taken', async () => {
  const visit = await Visit.to(browser, site.address);
  const content = [...readFileSync(IMAGE)];
  await visit.page.evaluate((bytes) => {
    const files = new DataTransfer();
    files.items.add(new File([Uint8Array.from(bytes)], 'dropped.png'));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
  }, content);
  await visit.page.waitForSelector('#answer-title');
  assert.match((await visit.page.textContent('#answer'))!, /dropped\.png/);
  await visit.close();
});

test('a GPU is used only if it passes the self-test and is faster', async (context) => {
  const software = await launch('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--ignore-gpu-blocklist');
  const visit = await Visit.to(software, site.address);
  const { page } = visit;
  await page.waitForFunction(() => document.querySelectorAll('#accelerators li').length > 1, null, {
    timeout: 180_000,
  });
  const tried = await page.evaluate(() =>
    [...document.querySelectorAll('#accelerators li')].map(({ textContent }) => textContent!),
  );
  const answer = await visit.give(IMAGE);
  assert.notEqual(typeof answer, 'string');
  const used = tried.filter((line) => line.includes('in use'));
  assert.equal(used.length, 1);
  assert.equal((answer as Answer).accelerator, used[0]!.startsWith('CPU') ? 'wasm' : 'webgpu');
  context.diagnostic(tried.join('; '));
  await software.close();
});
