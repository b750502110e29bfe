/** The bundle under test, as the page would load it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAssets, type Assets } from '../../src/assets/load.ts';

export const FOLDER = 'public/edgefrac';

/** Load the assets with some files' bytes changed on the way. */
export async function assetsWith(
  change: (path: string, bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>,
): Promise<Assets> {
  const real = globalThis.fetch;
  globalThis.fetch = (address) => {
    const path = decodeURIComponent((address as URL).pathname.slice('/edgefrac/'.length));
    return Promise.resolve(new Response(change(path, new Uint8Array(readFileSync(join(FOLDER, path))))));
  };
  try {
    return await loadAssets(new URL('http://sample.invalid/edgefrac/'));
  } finally {
    globalThis.fetch = real;
  }
}

export function readAssets(): Promise<Assets> {
  return assetsWith((_, bytes) => bytes);
}
