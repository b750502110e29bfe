/** `golden/vectors.json`, `edgefrac.app-golden/1`: what goes in, what comes out, and what is to be shown. */
import * as v from 'valibot';

const VectorSchema = v.object({
  name: v.string(),
  raster: v.string(),
  input: v.string(),
  overlay: v.string(),
  probability: v.array(v.number()),
  evidence: v.array(v.array(v.array(v.number()))),
  probability_tolerance: v.number(),
  evidence_tolerance: v.number(),
  positive: v.boolean(),
  label: v.string(),
  finding: v.picklist(['nothing', 'localised', 'diffuse']),
  peak: v.tuple([v.number(), v.number()]),
  regions: v.array(v.object({ box: v.array(v.number()), log_odds: v.number(), share: v.number() })),
  distance: v.nullable(v.number()),
});

export const GoldensSchema = v.object({
  schema: v.literal('edgefrac.app-golden/1'),
  appearance: v.literal('edgefrac.appearance/1'),
  vectors: v.pipe(v.array(VectorSchema), v.minLength(1)),
});

export type Vector = v.InferOutput<typeof VectorSchema>;
