import { z } from 'zod'

/** Values as a properties file writes them are taken too: all of them are text there. */

export function flag(value: boolean, description: string) {
  return trueOrFalse.prefault(value).transform(isTrue).describe(description)
}

/** One that follows another where it is not set. */
export function maybeFlag(description: string) {
  return trueOrFalse.transform(isTrue).optional().describe(description)
}

const trueOrFalse = z.union([z.boolean(), z.enum(['true', 'false'])], { error: 'must be true or false' })

function isTrue(given: boolean | 'true' | 'false'): boolean {
  return given === true || given === 'true'
}

export function whole(bounds: { value: number; min: number; max: number }, description: string) {
  const { value, min, max } = bounds
  const error = `must be a whole number from ${min} to ${max}`
  return z
    .union([z.int().min(min).max(max), z.string().regex(/^\d+$/)], { error })
    .prefault(value)
    .transform(Number)
    .refine((number) => number >= min && number <= max, { error })
    .describe(description)
}

export function text(value: string, description: string) {
  return z.string().prefault(value).describe(description)
}

/** A list with commas, or a list. */
export function words(value: string, description: string) {
  return z
    .union([z.string(), z.array(z.string())])
    .prefault(value)
    .transform((given) => (typeof given === 'string' ? given.split(',') : given).map((word) => word.trim()).filter((word) => word !== ''))
    .describe(description)
}

/** Regular expressions, each for a whole name, as a list with commas. */
export function patterns(description: string) {
  return words('', description).transform((list, context) =>
    list.map((pattern) => wholeName(pattern, (message) => context.addIssue({ code: 'custom', message }))),
  )
}

export type Pattern = (name: string) => boolean

/** Java's expressions and JavaScript's are one language in what names need; letters match in either case, as in Debezium. */
export function wholeName(pattern: string, complain: (message: string) => void): Pattern {
  try {
    const expression = new RegExp(`^(?:${pattern})$`, 'iu')
    return (name) => expression.test(name)
  } catch {
    complain('holds something that is no regular expression')
    return () => false
  }
}
