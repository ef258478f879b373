import { z } from 'zod'
import { parseDurationMs, parseSizeBytes } from './units.ts'

/** A duration such as `'5s'`, read into milliseconds. */
export function durationSchema(bounds: { min?: string; max?: string } = {}) {
  return quantity(parseDurationMs, "a duration such as '500ms', '5s' or '2m'", bounds)
}

/** A size such as `'10MB'`, read into bytes. */
export function sizeSchema(bounds: { min?: string; max?: string } = {}) {
  return quantity(parseSizeBytes, "a size such as '512kB', '10MB' or '1GB'", bounds)
}

function quantity(parse: (text: string) => number | null, what: string, bounds: { min?: string; max?: string }) {
  const min = bounds.min === undefined ? 0 : (parse(bounds.min) ?? 0)
  const max = bounds.max === undefined ? Number.MAX_SAFE_INTEGER : (parse(bounds.max) ?? Number.MAX_SAFE_INTEGER)
  const range = `${bounds.min ? `, at least ${bounds.min}` : ''}${bounds.max ? `, at most ${bounds.max}` : ''}`
  return z.string({ error: `must be ${what}${range}` }).transform((text, context) => {
    const value = parse(text)
    if (value !== null && value >= min && value <= max) return value
    context.addIssue({ code: 'custom', message: `must be ${what}${range}` })
    return z.NEVER
  })
}
