import { expect, test } from 'vitest'
import { createLagClock } from './lag-clock.ts'
import { createProgressTracker } from './progress-tracker.ts'
import { progressBars, progressLine } from './progress.ts'

const holder = { xid: 7, pid: 4711, ageMs: 123_000, state: 'idle in transaction' }
const moved = (position: string, durable: string | null, changes = 0) =>
  ({
    event: 'progress',
    changes,
    rows: 0,
    bytes: 2048,
    position: durable,
    head: position,
    commitTimeUs: null,
    sinks: [{ name: 'duckdb', durable, passed: durable, queuedBytes: 0 }],
  }) as const

function trackerAfterAWhile() {
  let time = 0
  const tracker = createProgressTracker(() => time)
  tracker.on({ event: 'snapshot-planned', table: 'public.users', chunks: 4, chunksDone: 0, rowEstimate: 1000, rows: 0, bytes: 0 })
  tracker.on({ event: 'snapshot-planned', table: 'public.orders', chunks: 2, chunksDone: 0, rowEstimate: 500, rows: 0, bytes: 0 })
  tracker.on({ event: 'snapshot-waiting', table: 'public.orders', holders: [holder] })
  time = 2000
  tracker.on({ event: 'snapshot-chunk', table: 'public.users', rows: 500, bytes: 10_240, chunksDone: 2, chunksPlanned: 4 })
  tracker.on(moved('0000000000000400', '0000000000000000', 100))
  return tracker
}

test('shows each table with rows, bytes, rate and chunks, what is waited for, and how far sinks are behind', () => {
  const bars = progressBars(trackerAfterAWhile().view(), 200)
  expect(bars).toMatch(/public\.users +█{10}░{10} +50 % {2}500 rows {2}10\.0 kB {2}250 rows\/s {2}chunk 2\/4/)
  expect(bars).toContain('the snapshot waits for process 4711, open for 2 m 3 s (idle in transaction)')
  expect(bars).toContain('100 changes followed, 50/s, 2.0 kB, duckdb 1.0 kB behind')
  expect(bars.endsWith('\n')).toBe(true)
})

test('a line says the same in short', () => {
  expect(progressLine(trackerAfterAWhile().view())).toMatch(
    /^2\.0 s · copying 0\/2 tables \(public\.users 50 %, public\.orders 0 %\) · 500 rows copied · 100 changes/,
  )
})

test('at 80 columns nothing is cut in the middle of a word, and what is waited for is whole', () => {
  const tracker = trackerAfterAWhile()
  tracker.on({ event: 'waiting', what: 'slot-made', waitedMs: 2000, holders: [holder], pid: null })
  const bars = progressBars(tracker.view(), 80)
  expect(Math.max(...bars.split('\n').map((line) => line.length))).toBeLessThan(80)
  expect(bars).toMatch(/public\.users +█{5}░{5} +50 % {2}500 rows {2}10\.0 kB\b/)
  expect(bars.replace(/\n +/g, ' ')).toContain('making the slot waits for process 4711, open for 2 m 3 s (idle in transaction)')
})

test('a sink that is far from the end of the log is said to be, though it holds all that was read', () => {
  const tracker = createProgressTracker(() => 0)
  tracker.on(moved('0000000010000000', '0000000000000000'))
  expect(tracker.view().sinks).toEqual([{ name: 'duckdb', lagBytes: 256 * 1024 * 1024 }])
})

test('after a silence the rate is none', () => {
  let time = 0
  const tracker = createProgressTracker(() => time)
  time = 1000
  tracker.on(moved('1', null, 500))
  expect(tracker.view().changeRate).toBe(500)
  time = 5000
  expect(tracker.view().changeRate).toBe(0)
})

test('bars are cut to the terminal and leave out tables that are done', () => {
  const tracker = trackerAfterAWhile()
  tracker.on({ event: 'snapshot-chunk', table: 'public.orders', rows: 1, bytes: 1, chunksDone: 2, chunksPlanned: 2 })
  tracker.on({ event: 'snapshot-table-done', table: 'public.orders', rows: 1, bytes: 1 })
  const lines = progressBars(tracker.view(), 40).split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(40)
  expect(lines.join('\n')).not.toMatch(/public\.orders|waits/)
  expect(lines.join('\n')).toContain('1 of 2 tables copied')
})

test('the lag of a sink in seconds is the age of the first mark that it has not reached, else of the last', () => {
  let time = 0
  const clock = createLagClock(() => time)
  expect(clock.lagSeconds(null)).toBeNull()
  for (const position of ['1', '2', '3']) {
    clock.on(moved(position, null))
    time += 1000
  }
  expect(['1', '2', '3'].map((durable) => clock.lagSeconds(durable))).toEqual([2, 1, 1])
})
