import assert from 'node:assert/strict'

/** `first`: what was given before an end, of which at least `sure` must be there; `last`: what was given after it, all of it. */
export type Runs = { first: readonly string[]; sure: number; last: readonly string[]; what: string }

/**
 * In order: some beginning of the first run, no less than what was sure, and then the whole last run. So nothing is missing, nothing comes
 * again from before what was sure, and positions go back only where the last run begins.
 */
export function expectRuns(found: readonly string[], { first, sure, last, what }: Runs): void {
  const kept = Math.min(Math.max(found.length - last.length, sure), first.length)
  const expected = [...first.slice(0, kept), ...last]
  const wrong = expected.findIndex((text, at) => found[at] !== text)
  const at = wrong < 0 && found.length > expected.length ? expected.length : wrong
  // Only where they part: a difference of ten thousand lines takes minutes to print.
  if (at >= 0) assert.deepEqual(found.slice(at, at + 3), expected.slice(at, at + 3), `${what}, from number ${at} of ${expected.length} on`)
}
