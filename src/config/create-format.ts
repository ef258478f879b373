import type { Format } from '../contracts/format.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { FORMATS } from '../registry.ts'
import { checkPart, findDefinition } from './check-part.ts'
import { formatPath, type Mistake } from './mistake.ts'
import { nameInstead } from './name-instead.ts'

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
  const mistakes: Mistake[] = []
  const at = { path: [], mistakes }
  const definition = await findDefinition(FORMATS, { ...options, type }, at)
  const config = definition && checkPart(definition.config, options, at)
  if (definition && mistakes.length === 0) return definition.create(config, { pipeline })
  throw invalid(definition ? nameInstead(mistakes, definition) : mistakes)
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
