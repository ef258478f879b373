import { expect, test } from 'vitest'
import { METRICS } from '../telemetry/metrics.ts'
import { createLagClock } from './lag-clock.ts'
import { progressBars } from './progress-bars.ts'
import { progressFields } from './progress-fields.ts'
import { createProgressTracker } from './progress-tracker.ts'
import { progressLine } from './progress.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'

const holder = { xid: 7, pid: 4711, ageMs: 123_000, state: 'idle in transaction' }
const screen = { columns: 200, rows: 50, color: false }
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
const planned = (table: string, chunks: number, rowEstimate: number) =>
  ({ event: 'snapshot-planned', table, chunks, chunksDone: 0, rowEstimate, rows: 0, bytes: 0 }) as const

const started: PipelineEvent = { event: 'started', act: 'start', from: '0', tables: 2, sinks: ['duckdb'] }

function trackerAfterAWhile() {
  let time = 0
  const tracker = createProgressTracker({ now: () => time, lagSeconds: () => 0.3 })
  tracker.on(started)
  tracker.on(planned('public.users', 4, 1000))
  tracker.on(planned('public.orders', 2, 500))
  tracker.on({ event: 'snapshot-waiting', table: 'public.orders', holders: [holder] })
  time = 2000
  tracker.on({ event: 'snapshot-chunk', table: 'public.users', rows: 500, bytes: 10_240, chunksDone: 2, chunksPlanned: 4 })
  tracker.on(moved('0000000000000400', '0000000000000000', 100))
  return tracker
}

test('shows each table with rows, bytes, rate, chunks and time left, all together, what is waited for, and how far sinks are behind', () => {
  const bars = progressBars(trackerAfterAWhile().view(), screen)
  expect(bars).toMatch(/public\.users +█{10}░{10} +50 % {2}500 rows {2}10\.0 kB {2}250 rows\/s {2}chunk 2\/4 {2}2 s left/)
  expect(bars).toMatch(/public\.orders +not begun/)
  expect(bars).toContain('0 of 2 tables, 500 rows, 10.0 kB, 250 rows/s, 4 s left')
  expect(bars).toContain('the snapshot waits for process 4711, open for 2 m 3 s (idle in transaction)')
  expect(bars).toContain('100 changes followed, 50/s, duckdb 1.0 kB behind (300 ms)')
  expect(bars.endsWith('\n')).toBe(true)
})

test('a line says the same in short', () => {
  expect(progressLine(trackerAfterAWhile().view())).toMatch(
    /^2\.0 s · copying 0\/2 tables \(public\.users 50 %, public\.orders 0 %\) · 500 rows · 10\.0 kB · 250 rows\/s · 4 s left · 100 changes/,
  )
})

test('the fields of a log line are the metrics, tables under way and what is waited for', () => {
  const fields = progressFields(trackerAfterAWhile().view())
  expect(Object.keys(fields).sort()).toEqual([...Object.keys(METRICS), 'copying', 'waits'].sort())
  expect(fields).toMatchObject({
    elapsedSeconds: 2,
    tablesToCopy: 2,
    rowsCopied: 500,
    copySecondsLeft: 4,
    sinkLagBytes: { duckdb: 1024 },
    sinkLagSeconds: { duckdb: 0.3 },
    copying: { 'public.users': '50 %', 'public.orders': '0 %' },
  })
})

test.each([20, 40, 60, 80, 100, 140])('at %i columns no line is longer, and nothing is cut in the middle of a word', (columns) => {
  const tracker = trackerAfterAWhile()
  tracker.on({ event: 'waiting', what: 'slot-made', waitedMs: 2000, holders: [holder], pid: null })
  const bars = progressBars(tracker.view(), { ...screen, columns })
  expect(Math.max(...bars.split('\n').map((line) => line.length))).toBeLessThan(Math.max(columns, 24))
  if (columns < 40) return
  expect(bars).toMatch(/public\.users +[█░]* *50 %/)
  expect(bars.replace(/\n +/g, ' ')).toContain('making the slot waits for process 4711, open for 2 m 3 s (idle in transaction)')
})

test('colours change no width', () => {
  const tracker = trackerAfterAWhile()
  const plain = (text: string) => text.replace(/\u001b\[[\d;]*m/g, '').replace(/[━█░]/g, '#')
  expect(plain(progressBars(tracker.view(), { ...screen, color: true }))).toBe(plain(progressBars(tracker.view(), screen)))
})

test('of many tables those under way come first, as many as fit; the rest is counted', () => {
  const tracker = createProgressTracker({ now: () => 0 })
  for (let table = 0; table < 1000; table++) tracker.on(planned(`public.t${table}`, 2, 10))
  tracker.on({ event: 'snapshot-chunk', table: 'public.t999', rows: 5, bytes: 10, chunksDone: 1, chunksPlanned: 2 })
  const lines = progressBars(tracker.view(), { ...screen, rows: 15 }).split('\n')
  expect(lines.length).toBeLessThanOrEqual(15)
  expect(lines[0]).toContain('public.t999')
  expect(lines.join('\n')).toContain('… 994 tables more: 994 not begun')
  const fields = progressFields(tracker.view())
  expect(Object.keys(fields.copying)).toHaveLength(16)
})

test('a copy that goes on shows what was done before, and its time left from what it does now', () => {
  let time = 0
  const tracker = createProgressTracker({ now: () => time })
  tracker.on({ ...planned('public.users', 10, 1000), chunksDone: 8, rows: 300, bytes: 10 })
  expect(progressBars(tracker.view(), screen)).toMatch(/public\.users +not begun/)
  time = 1000
  tracker.on({ event: 'snapshot-chunk', table: 'public.users', rows: 400, bytes: 20, chunksDone: 9, chunksPlanned: 10 })
  expect(progressBars(tracker.view(), screen)).toMatch(/90 % {2}400 rows {2}20 B {2}100 rows\/s {2}chunk 9\/10 {2}1 s left/)
})

test('a table that waited for its turn was not slow meanwhile', () => {
  let time = 0
  const tracker = createProgressTracker({ now: () => time })
  tracker.on(planned('public.first', 2, 100))
  tracker.on(planned('public.second', 2, 100))
  time = 9000
  tracker.on({ event: 'snapshot-chunk', table: 'public.first', rows: 90, bytes: 1, chunksDone: 2, chunksPlanned: 2 })
  time = 10_000
  tracker.on({ event: 'snapshot-chunk', table: 'public.second', rows: 50, bytes: 1, chunksDone: 1, chunksPlanned: 2 })
  expect(tracker.view().tables[1]).toMatchObject({ table: 'public.second', rowRate: 50, leftMs: 1000 })
})

test('a table copied in one chunk is measured by the estimate of its rows', () => {
  let time = 0
  const tracker = createProgressTracker({ now: () => time })
  tracker.on(planned('public.log', 1, 1000))
  time = 1000
  tracker.on({ event: 'snapshot-chunk', table: 'public.log', rows: 250, bytes: 20, chunksDone: 0, chunksPlanned: 1 })
  expect(progressBars(tracker.view(), screen)).toMatch(/25 % .* 3 s left/)
})

test('a sink that is far from the end of the log is said to be, though it holds all that was read', () => {
  const tracker = createProgressTracker({ now: () => 0 })
  tracker.on(started)
  tracker.on(moved('0000000010000000', '0000000000000000'))
  expect(tracker.view().sinks).toEqual([{ name: 'duckdb', lagBytes: 256 * 1024 * 1024, lagSeconds: null }])
  tracker.on(moved('0000000010000000', '0000000010000000'))
  expect(progressLine(tracker.view())).toContain('duckdb level with the log')
})

test('a rate is that of the last ten seconds, and falls while nothing moves', () => {
  let time = 0
  const tracker = createProgressTracker({ now: () => time })
  for (time = 1000; time <= 60_000; time += 1000) tracker.on(moved('1', null, time))
  time = 60_000
  expect(Math.round(tracker.view().changeRate)).toBe(1000)
  time = 65_000
  expect(Math.round(tracker.view().changeRate)).toBeLessThan(1000)
  time = 120_000
  expect(tracker.view().changeRate).toBe(0)
})

test('before everything is open, and while it is opened again, that is what is said', () => {
  const tracker = createProgressTracker({ now: () => 0 })
  expect(progressBars(tracker.view(), screen)).toBe('  opening source and sinks\n')
  tracker.on(started)
  expect(progressBars(tracker.view(), screen)).toBe('  0 changes followed\n')
  tracker.on({ event: 'retry', level: 'info', part: 'source', attempt: 1, delayMs: 100, code: 'SOURCE_LOST', message: 'gone' })
  expect(progressLine(tracker.view())).toContain('opening source and sinks')
})

test('where tables are archived and no log is followed, nothing is said of one', () => {
  const tracker = createProgressTracker({ now: () => 0 })
  tracker.on(planned('public.users', 4, 1000))
  expect(progressBars(tracker.view(), screen)).toMatch(/^ {2}public\.users +not begun\n {2}0 of 1 tables, [^\n]*\n$/)
  expect(progressLine(tracker.view())).not.toMatch(/opening|followed/)
})

test('tables that are done are left out, and counted', () => {
  const tracker = trackerAfterAWhile()
  tracker.on({ event: 'snapshot-chunk', table: 'public.orders', rows: 1, bytes: 1, chunksDone: 2, chunksPlanned: 2 })
  tracker.on({ event: 'snapshot-table-done', table: 'public.orders', rows: 1, bytes: 1 })
  const text = progressBars(tracker.view(), { ...screen, columns: 40 })
  expect(text).not.toMatch(/public\.orders|waits/)
  expect(text).toContain('1 of 2 tables')
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
