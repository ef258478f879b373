import type { z } from 'zod'
import type { Format } from '../contracts/format.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { FORMATS } from '../registry.ts'
import { describeIssues } from './findings.ts'
import { inputSchema } from './json-schema.ts'
import { nameInstead } from './name-instead.ts'
import { formatPath, unknownWord, type Mistake } from './mistake.ts'

export type CreateFormatOptions = {
  /** The name that a pipeline would have: some formats put it before topics, or into a source. */
  pipeline?: string
}

/** A format by itself: its type and options as in a configuration. What is wrong with them is thrown as one error that lists everything. */
export async function createFormat(
  type: string,
  options: object = {},
  { pipeline = 'millrace' }: CreateFormatOptions = {},
): Promise<Format> {
  const load = Object.hasOwn(FORMATS, type) ? FORMATS[type] : undefined
  if (!load) throw invalid([unknownWord(['type'], type, Object.keys(FORMATS))])
  const definition = await load()
  const { success, data, error } = definition.config.safeParse(options)
  if (success) return definition.create(data, { pipeline })
  const { issues } = error as z.ZodError // every definition's schema is zod
  const mistakes = describeIssues(issues, { schema: inputSchema(definition.config), input: options, prefix: [] })
  throw invalid(nameInstead(mistakes, definition))
}

function invalid(mistakes: readonly Mistake[]): MillraceError {
  const findings = mistakes.map(({ path, message, allowed, nearest }) => ({
    path: formatPath(path),
    line: null,
    column: null,
    message,
    allowed,
    nearest,
  }))
  const text = findings.map(({ path, message }) => `  ${`${path} ${message}`.trim()}`).join('\n')
  return new MillraceError('CONFIG_INVALID', { findings: text }, { findings })
}
