/** What a model's outputs mean on a radiograph: decision, finding, where to look, and whether it counts at all. */
import type { App } from './assets/app.ts';
import { taskOf, type Contract } from './assets/contract.ts';
import { evidencePeak, type Grid } from './evidence.ts';
import { foreign } from './familiarity.ts';
import type { Placement } from './preprocess.ts';
import { evidenceRegions, type Region } from './regions.ts';

export type Finding = 'nothing' | 'localised' | 'diffuse';

export interface Decision {
  readonly probability: number;
  readonly threshold: number;
  readonly positive: boolean;
  readonly label: string;
  readonly finding: Finding;
  /** Centre of the strongest cell, x and y in pixels of the source image. */
  readonly peak: readonly [number, number];
  readonly regions: readonly Region[];
}

/** The decision of the contract's task; `probability` are all outputs of that name, `evidence` the task's map. */
export function decide(
  app: App,
  contract: Contract,
  placement: Placement,
  probability: ArrayLike<number>,
  evidence: Grid,
): Decision {
  const task = taskOf(contract);
  const found = probability[task.first_channel]!;
  const positive = found >= task.threshold;
  const calibration = { bias: task.bias[0]!, temperature: task.temperature };
  const regions = evidenceRegions(evidence, placement, calibration, app.display);
  return {
    probability: found,
    threshold: task.threshold,
    positive,
    label: task.classes[positive ? 1 : 0]!,
    finding: regions.length ? 'localised' : positive ? 'diffuse' : 'nothing',
    peak: evidencePeak(evidence, placement),
    regions,
  };
}

/** Why an image is not of the kind that the model was trained on; undefined where it is. */
export function foreignTo(app: App, contract: Contract, chroma: number, networkInput: Uint8Array): string | undefined {
  return foreign(chroma, app.display.coloured, networkInput, contract.input.shape[1], contract.familiar);
}
