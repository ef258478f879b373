import { z } from 'zod'

/** How a sink that writes messages names its format: a type, or an object with `type` and that format's options. */
export function formatSchema() {
  return z
    .union([z.string(), z.looseObject({ type: z.string() })])
    .default('native')
    .describe('How changes are written: the name of a format, or an object with its `type` and options.')
}
