/** Is an image of the kind that a network was trained on? Of a photograph neither the answer nor the map counts. */
import { appearance } from './appearance.ts';
import type { Familiar } from './assets/contract.ts';

/** Mahalanobis distance of a network input [size, size] from the training radiographs, by its appearance. */
export function distance(networkInput: Uint8Array, size: number, familiar: Familiar): number {
  const off = appearance(networkInput, size).map((number, index) => number - familiar.mean[index]!);
  const squared = familiar.precision.reduce(
    (sum, row, index) => sum + off[index]! * row.reduce((inner, weight, column) => inner + weight * off[column]!, 0),
    0,
  );
  return Math.sqrt(Math.max(0, squared));
}

/** Why an image is of another kind; undefined where it is not. `coloured` is the chroma from which a file is no radiograph. */
export function foreign(
  chroma: number,
  coloured: number,
  networkInput: Uint8Array,
  size: number,
  familiar: Familiar | undefined,
): string | undefined {
  if (chroma > coloured) return 'it is a colour image, and radiographs are grey';
  if (!familiar) return undefined;
  const far = distance(networkInput, size, familiar);
  if (far <= familiar.limit) return undefined;
  return `it looks unlike the training radiographs (distance ${far.toFixed(1)}, ${familiar.limit.toFixed(1)} at most)`;
}
