import { nearestName } from '../lib/nearest-name.ts'

/** A path of keys and indexes into a configuration. */
export type Path = readonly PropertyKey[]

/** One thing wrong: where, what, what may stand there, and the valid name nearest to what was written. */
export type Mistake = {
  path: Path
  message: string
  allowed: string | null
  nearest: string | null
  /** Whether it is about the key, which is not known here. */
  isUnknownKey?: boolean
}

export function mistake(path: Path, message: string, more: { allowed?: string | null; nearest?: string | null } = {}): Mistake {
  return { path, message, allowed: more.allowed ?? null, nearest: more.nearest ?? null }
}

/** A key that is not known, among those that are. */
export function unknownKey(path: Path, valid: readonly string[]): Mistake {
  const nearest = nearestName(String(path.at(-1)), valid)
  const known = valid.length > 0 ? valid.join(', ') : null
  const advice = nearest ? `; did you mean ${nearest}?` : known ? `; known here: ${known}` : ''
  return { ...mistake(path, `is not known${advice}`, { allowed: known, nearest }), isUnknownKey: true }
}

/** A word that is none of those allowed. */
export function unknownWord(path: Path, word: string, valid: readonly string[]): Mistake {
  const nearest = nearestName(word, valid)
  const allowed = valid.join(', ')
  if (valid.length === 0) return mistake(path, 'is not known: there are none yet')
  return mistake(path, `must be one of ${allowed}${nearest ? `; did you mean ${nearest}?` : ''}`, { allowed, nearest })
}

/** `sinks[0].path`, `source.columns["public.users"]` */
export function formatPath(path: Path): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : formatKey(String(part)))).join('')
  return text.replace(/^\./, '')
}

function formatKey(key: string): string {
  return /^[\w$-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}
