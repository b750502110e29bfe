/** What the page and its worker say to each other. */
import type { App } from './assets/app.ts';
import type { Contract } from './assets/contract.ts';
import type { Decision } from './decision.ts';
import type { Accelerator } from './engine.ts';

export type Request =
  | { readonly kind: 'start'; readonly assets: string; readonly runtime: string }
  | { readonly kind: 'look'; readonly id: number; readonly bytes: ArrayBuffer };

export type Reply =
  | { readonly kind: 'ready'; readonly report: Report }
  | { readonly kind: 'refused'; readonly reasons: readonly string[] }
  | { readonly kind: 'accelerators'; readonly tried: readonly Tried[] }
  | { readonly kind: 'looked'; readonly id: number; readonly look: Look }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly hint: string };

/** One accelerator, and what came of it. */
export interface Tried {
  readonly accelerator: Accelerator;
  readonly state: 'in use' | 'passed, slower' | 'not used';
  /** Why it is not used; what the self-test found, or that it isn't there. */
  readonly problems: readonly string[];
  /** Median time of a run on the golden vectors. */
  readonly milliseconds?: number;
}

/** What the self-test found, and what the page shows of the model. */
export interface Report {
  readonly app: App;
  readonly contract: Contract;
  readonly vectors: number;
  readonly tried: readonly Tried[];
  readonly modelCard: string;
  readonly certificate: unknown;
  /** The golden raster that looks most like the training radiographs, as an example: the PNG file's bytes. */
  readonly example: ArrayBuffer;
  /** What has been fetched, so that it can be kept for use without a network. */
  readonly fetched: readonly string[];
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly plain: ImageDataArray;
  /** The same under its evidence. */
  readonly painted: ImageDataArray;
}

/** What was found on one radiograph. */
export interface Look {
  /** Of the source image, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly format: string;
  readonly notes: readonly string[];
  /** Why the image is not of the kind that the model was trained on: then nothing else counts. */
  readonly foreign?: string;
  readonly decision: Decision;
  /** The task's map, row by row, in log-odds. */
  readonly evidence: Float32Array;
  readonly networkInput: Uint8Array;
  readonly picture: Picture;
  readonly accelerator: Accelerator;
  /** Milliseconds. */
  readonly timings: Timings;
}

export interface Timings {
  readonly decode: number;
  readonly preprocess: number;
  readonly run: number;
  readonly decide: number;
  readonly overlay: number;
}
