import { closest, distance } from 'fastest-levenshtein'

/** The name nearest to what was written, where it is near enough to be meant; else null. */
export function nearestName(written: string, names: readonly string[]): string | null {
  if (names.length === 0) return null
  const byCase = names.find((name) => name.toLowerCase() === written.toLowerCase())
  if (byCase !== undefined) return byCase
  const nearest = closest(written, names as string[])
  return distance(written, nearest) <= Math.max(2, Math.floor(nearest.length / 2)) ? nearest : null
}
