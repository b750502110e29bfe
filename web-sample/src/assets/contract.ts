/** The contract, `edgefrac.contract/1`: all that an app would otherwise have as constants. */
import * as v from 'valibot';

const Task = v.object({
  name: v.string(),
  kind: v.picklist(['binary', 'multilabel']),
  classes: v.array(v.string()),
  first_channel: v.number(),
  bias: v.array(v.number()),
  temperature: v.number(),
  threshold: v.number(),
  threshold_rule: v.string(),
});

const Output = v.object({
  name: v.picklist(['probability', 'evidence']),
  dtype: v.literal('float32'),
  shape: v.array(v.number()),
  index: v.number(),
});

const FamiliarSchema = v.object({
  appearance: v.literal('edgefrac.appearance/1'),
  mean: v.array(v.number()),
  precision: v.array(v.array(v.number())),
  limit: v.number(),
});

export const ContractSchema = v.object({
  schema: v.literal('edgefrac.contract/1'),
  name: v.string(),
  version: v.string(),
  architecture: v.string(),
  precision: v.string(),
  input: v.object({
    name: v.string(),
    dtype: v.literal('uint8'),
    shape: v.tuple([v.literal(1), v.number(), v.number(), v.literal(1)]),
    preprocess: v.literal('edgefrac.preprocess/1'),
  }),
  outputs: v.array(Output),
  tasks: v.pipe(v.array(Task), v.minLength(1)),
  training_data: v.object({ names: v.array(v.string()), licence: v.string(), attribution: v.string() }),
  familiar: v.optional(FamiliarSchema),
  evidence: v.string(),
  intended_use: v.string(),
});

export type Contract = v.InferOutput<typeof ContractSchema>;
export type Task = v.InferOutput<typeof Task>;
export type Familiar = v.InferOutput<typeof FamiliarSchema>;

/** The task that the answer is about: `fracture`, or the first one. */
export function taskOf(contract: Contract): Task {
  return contract.tasks.find(({ name }) => name === 'fracture') ?? contract.tasks[0]!;
}

/** Rows and columns of the evidence map; undefined for a model without one. */
export function evidenceShape(contract: Contract): [number, number] | undefined {
  const shape = contract.outputs.find(({ name }) => name === 'evidence')?.shape;
  return shape && [shape[1]!, shape[2]!];
}
