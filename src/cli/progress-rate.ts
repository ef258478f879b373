/** Lately: long enough that chunks, which come in bursts, give a steady figure. */
const WINDOW_MS = 10_000

export type RateMeter = { add(value: number): void; perSecond(): number }

/** How fast a running total grows. `start`: the total at the beginning, and since when it grows. */
export function createRateMeter(now: () => number, start: { value: number; atMs: number } = { value: 0, atMs: now() }): RateMeter {
  const marks = [start]

  return {
    add(value) {
      marks.push({ atMs: now(), value })
      // The one before the window stays: the window's first growth is counted from there.
      while (marks.length > 2 && (marks[1]?.atMs ?? 0) < now() - WINDOW_MS) marks.shift()
    },
    perSecond() {
      const [first, last] = [marks[0], marks.at(-1)]
      // After a silence nothing moves, whatever moved before.
      if (!first || !last || now() - last.atMs > WINDOW_MS) return 0
      const seconds = Math.max(0.001, (now() - first.atMs) / 1000)
      return Math.max(0, (last.value - first.value) / seconds)
    },
  }
}
