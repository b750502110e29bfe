/** Cases that Python wrote: `npm run cases`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = 'build/cases';

/** [first byte, bytes] in the pack. */
export type Place = readonly [number, number];

export interface Cases<T> {
  readonly cases: readonly T[];
  bytes(place: Place): Uint8Array<ArrayBuffer>;
  floats(place: Place): Float32Array;
}

/** All cases of one kind; raises where they have not been written. */
export function load<T>(name: string): Cases<T> {
  if (!existsSync(join(FOLDER, `${name}.json`))) throw new Error(`${FOLDER}/${name}.json is not there: npm run cases`);
  const content = new Uint8Array(readFileSync(join(FOLDER, `${name}.bin`)));
  const bytes = ([first, count]: Place): Uint8Array<ArrayBuffer> => content.slice(first, first + count);
  return {
    cases: JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as T[],
    bytes,
    floats: (place) => new Float32Array(bytes(place).buffer),
  };
}

/** How many values differ; all, where there are more of one. */
export function differing(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (found.length !== wanted.length) return Math.max(found.length, wanted.length);
  let count = 0;
  for (let at = 0; at < found.length; at++) if (found[at] !== wanted[at]) count++;
  return count;
}
