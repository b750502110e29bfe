/** `npm run screenshots`: the pictures of docs/images, of phantoms: desktop, phone, dark. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContextOptions } from 'playwright-core';
import { load } from '../support/cases.ts';
import { Site } from '../support/site.ts';
import { launch, Visit } from '../support/visit.ts';

const OUT = process.argv[2]!;
const DESKTOP = { viewport: { width: 920, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const { cases } = load<{ file: string; real: boolean; row: { regions: unknown[]; foreign?: string } }>('answers');
const phantoms = cases.filter(({ real }) => !real);
const shown =
  phantoms.find(({ row }) => row.regions.length && !row.foreign) ??
  phantoms.find(({ row }) => !row.foreign) ??
  phantoms[0]!;
const strange = phantoms.find(({ row }) => row.foreign);

const pictures: [string, BrowserContextOptions, { file: string } | undefined][] = [
  ['web-desktop', DESKTOP, shown],
  ['web-phone', PHONE, shown],
  ['web-dark', { ...PHONE, colorScheme: 'dark' }, strange],
];

mkdirSync(OUT, { recursive: true });
const [browser, site] = await Promise.all([launch('--disable-gpu', '--force-color-profile=srgb'), Site.open()]);
for (const [name, options, one] of pictures) {
  if (!one) continue;
  const visit = await Visit.to(browser, site.address, options);
  await visit.give(join('build/cases', one.file));
  await visit.page.evaluate(() => window.scrollTo(0, 0));
  await visit.page.screenshot({ path: join(OUT, `${name}.png`), fullPage: options.isMobile === true });
  await visit.close();
}
await browser.close();
await site.close();
