import { parseDay, US_PER_DAY } from './calendar.ts'

/**
 * A parser of canonical timestamps with years of four digits, `2026-11-20T01:02:03.5` and a suffix of so many
 * characters (`Z`) → microseconds since 1970; NaN for any other shape. Days are remembered: rows share them.
 */
export function createTimestampParser(suffix: number): (text: string) => number {
  const days = new Map<number, number>()
  let lastDate = -1
  let lastMicros = 0
  return (text) => {
    const end = text.length - suffix
    if (end < 19 || text.charCodeAt(4) !== 45 || text.charCodeAt(0) < 48 || text.charCodeAt(10) !== 84) return NaN
    const date = two(text, 0) * 1_000_000 + two(text, 2) * 10_000 + two(text, 5) * 100 + two(text, 8)
    if (date !== lastDate) {
      let micros = days.get(date)
      if (micros === undefined) {
        if (days.size > 4096) days.clear()
        micros = (parseDay(text.slice(0, 10)) ?? NaN) * US_PER_DAY
        days.set(date, micros)
      }
      lastDate = date
      lastMicros = micros
    }
    return lastMicros + microsOfTime(text, 11, end)
  }
}

/** `01:02:03.5` between two offsets of a text → microseconds of a day. */
export function microsOfTime(text: string, start: number, end: number): number {
  let fraction = 0
  for (let i = start + 9; i < start + 15; i++) fraction = fraction * 10 + (i < end ? text.charCodeAt(i) - 48 : 0)
  return (two(text, start) * 3600 + two(text, start + 3) * 60 + two(text, start + 6)) * 1_000_000 + fraction
}

function two(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48
}
