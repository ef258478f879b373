import { MillraceError } from '../../errors/millrace-error.ts'
import type { Written } from './connection-text.ts'

/** A parameter that takes a whole number; libpq takes a negative one for 0. Undefined where it is not there. */
export function numberOf(all: Written, name: string): number | undefined {
  const text = all.get(name)?.trim()
  if (!text) return undefined
  if (/^-?\d{1,9}$/.test(text)) return Math.max(0, Number(text))
  throw invalid(`${name} is not a number`)
}

/** A parameter that takes one of some words. Undefined where it is not there. */
export function wordOf<Word extends string>(all: Written, name: string, words: readonly Word[]): Word | undefined {
  const text = all.get(name)
  if (!text) return undefined
  const word = words.find((each) => each === text)
  if (word !== undefined) return word
  throw invalid(`${name} is none of ${words.join(', ')}`)
}

/** What cannot be read of a connection string. `reason` repeats no value of it. */
export function invalid(reason: string): MillraceError {
  return new MillraceError('SOURCE_URL_INVALID', { reason })
}
