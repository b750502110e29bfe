/** `app.json`, `edgefrac.app/1`: the model's file, how evidence is shown, and every file's checksum. */
import * as v from 'valibot';

const Colour = v.tuple([v.number(), v.number(), v.number()]);

const DisplaySchema = v.object({
  schema: v.literal('edgefrac.overlay/1'),
  full_scale: v.number(),
  contours: v.tuple([v.number(), v.number()]),
  ramp: v.pipe(v.array(Colour), v.minLength(2)),
  outline: v.number(),
  least: v.number(),
  coloured: v.number(),
});

const PLAIN = /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/; // never up and out of the folder

const FileSchema = v.object({
  path: v.pipe(v.string(), v.regex(PLAIN)),
  bytes: v.number(),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

export const AppSchema = v.object({
  schema: v.literal('edgefrac.app/1'),
  name: v.string(),
  version: v.string(),
  model: v.string(),
  display: DisplaySchema,
  files: v.array(FileSchema),
});

export type App = v.InferOutput<typeof AppSchema>;
export type Display = v.InferOutput<typeof DisplaySchema>;
export type FileEntry = v.InferOutput<typeof FileSchema>;
