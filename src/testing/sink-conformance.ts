import assert from 'node:assert/strict'
import type { Batch } from '../contracts/batch.ts'
import type { Log, Sink, SinkCapabilities, SinkContext, SinkRecord, SinkState } from '../contracts/sink.ts'
import type { Row, Table } from '../contracts/table.ts'
import { withImages } from './imaged-changes.ts'
import { batchOf, insertOf, rowsAt, schemaAt, snapshotBeginAt, snapshotEndAt, userRow, usersTable } from './fixtures.ts'
import { createMemorySinkState } from './memory-sink-state.ts'
import { createPlainFormat } from './plain-format.ts'
import { expectHolds } from './sink-expectations.ts'
import { SCENARIOS, type Scenario } from './sink-scenarios.ts'

/** Where one test's sink writes. */
export type SinkPlace = {
  /** Opens a sink here as a new process would. */
  open(context: SinkContext): Promise<Sink>
  /** Ends a sink as a crash would; left out: disposed without a flush, which makes nothing durable. */
  crash?(sink: Sink): Promise<void>
  /** For `shape: 'changes'`: the lines of one table that lie here, in order. */
  lines?(table: Table): Promise<readonly string[]>
  /** For `shape: 'changes'`: the rows of a copy go once a later copy of the table has ended. */
  keepsLastCopy?: boolean
  /** For `shape: 'tables'` of a sink without `scan`: the rows of one table, in any order. */
  rows?(table: Table): Promise<readonly Row[]>
  remove(): Promise<void>
}

export type SinkSubject = { name: string; capabilities: SinkCapabilities; place(): Promise<SinkPlace> }

export type ConformanceCase = { title: string; run(): Promise<void> }

/**
 * What a sink must do, given what it says it can. Knows no test runner:
 * `for (const { title, run } of sinkConformance(subject)) test(title, run)`.
 */
export function sinkConformance(subject: SinkSubject): ConformanceCase[] {
  const { capabilities } = subject
  const scenarios = SCENARIOS.filter(({ needs }) => needs === undefined || needs(capabilities))
  const cases: { title: string; run: (bench: Bench) => Promise<void> }[] = [
    ...scenarios
      .flatMap((scenario) => [scenario, asBytes(scenario)])
      .map((scenario) => ({ title: scenario.title, run: (bench: Bench) => playThrough(bench, scenario) })),
    ...(capabilities.delivery === 'exactly-once' ? exactlyOnceCases(scenarios) : []),
    { title: 'takes the same batches again after a flush that it was not told of', run: takesAgain },
    { title: 'is durable after a flush with nothing to do', run: flushesNothing },
  ]
  return cases.map(({ title, run }) => ({ title, run: () => onBench(subject, run) }))
}

/** The same, from a source that keeps rows in the bytes they came in. */
function asBytes(scenario: Scenario): Scenario {
  return { ...scenario, title: `${scenario.title}, rows as bytes`, batches: scenario.batches.map(withImages) }
}

/** Rows in either form, as a source gives them too: what it cannot keep as bytes it decodes. */
function inBothForms(scenario: Scenario): Scenario {
  return { ...scenario, batches: scenario.batches.map((batch, at) => (at % 2 === 0 ? withImages(batch) : batch)) }
}

function exactlyOnceCases(scenarios: readonly Scenario[]) {
  return [
    { title: 'holds nothing by its own record before it wrote', run: beginsWithNothing },
    { title: 'holds after a flush the position and carry of the last batch', run: recordsPosition },
    { title: 'moves its position by empty batches', run: movesByEmptyBatches },
    { title: 'records a chunk with its last rows only, and an ended generation as one', run: recordsChunks },
    ...scenarios
      .filter(({ steady }) => !steady)
      .map((scenario) => ({
        title: `loses and repeats nothing when it dies anywhere: ${scenario.title}`,
        run: (bench: Bench) => diesEverywhere(bench, inBothForms(scenario)),
      })),
  ]
}

/** One place, its state, and sinks opened there. */
type Bench = {
  subject: SinkSubject
  open(): Promise<{ sink: Sink; record: SinkRecord | null }>
  /** The furthest position that a sink with `hasPending` has reported here. */
  reported(): string
  crash(sink: Sink): Promise<void>
  expectHolds(batches: readonly Batch[], tables: readonly Table[]): Promise<void>
  /** A place and a state of its own. */
  anew(run: (bench: Bench) => Promise<void>): Promise<void>
}

const signal = new AbortController().signal

async function onBench(subject: SinkSubject, run: (bench: Bench) => Promise<void>): Promise<void> {
  const place = await subject.place()
  const state = createMemorySinkState()
  let reported = ''
  const durable = (position: string): void => void (reported = position > reported ? position : reported)
  const open: Bench['open'] = async () => {
    const sink = await place.open(contextFor(subject.name, state, durable))
    return { sink, record: await sink.resume() }
  }
  try {
    await run({
      subject,
      open,
      reported: () => reported,
      crash: (sink) => place.crash?.(sink) ?? Promise.resolve(sink[Symbol.asyncDispose]()),
      expectHolds: (batches, tables) => expectHolds({ capabilities: subject.capabilities, place, open, batches, tables }),
      anew: (again) => onBench(subject, again),
    })
  } finally {
    await place.remove()
  }
}

function contextFor(name: string, state: SinkState, durable: SinkContext['durable']): SinkContext {
  const quiet = (): void => {}
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  return { pipeline: 'conformance', name, baseDir: process.cwd(), format: createPlainFormat(), state, log, durable, failed: quiet }
}

async function writeAll(sink: Sink, batches: readonly Batch[]): Promise<void> {
  for (const batch of batches) await sink.write(batch, signal)
}

async function playThrough(bench: Bench, { batches, tables }: Scenario): Promise<void> {
  const { sink } = await bench.open()
  await writeAll(sink, batches)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  await bench.expectHolds(batches, tables)
}

async function beginsWithNothing({ open }: Bench): Promise<void> {
  const { sink, record } = await open()
  await sink[Symbol.asyncDispose]()
  assert.equal(record, null)
}

const users = usersTable()

async function recordsPosition({ open, crash }: Bench): Promise<void> {
  const { sink } = await open()
  const last = batchOf(2, insertOf(users, userRow(2)))
  await writeAll(sink, [schemaAt(0, users), batchOf(1, insertOf(users, userRow(1))), last])
  await sink.flush(signal)
  await crash(sink)
  await expectRecord(open, { position: last.end, carry: last.carry, chunks: [] })
}

async function movesByEmptyBatches({ open, crash }: Bench): Promise<void> {
  const { sink } = await open()
  await writeAll(sink, [batchOf(1), batchOf(7)])
  await sink.flush(signal)
  await crash(sink)
  const { end, carry } = batchOf(7)
  await expectRecord(open, { position: end, carry, chunks: [] })
}

async function recordsChunks({ open }: Bench): Promise<void> {
  const { sink } = await open()
  const rows = (n: number, last: boolean): Batch => rowsAt(1, { table: users, chunk: `public.users/g1/${n}`, rows: [userRow(n)], last })
  await writeAll(sink, [schemaAt(0, users), snapshotBeginAt(1, users, 'g1'), rows(0, true), rows(1, false)])
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  await expectRecord(open, { position: rows(0, true).end, carry: '', chunks: ['public.users/g1/0'] })
  const again = await open()
  await writeAll(again.sink, [rows(1, true), snapshotEndAt(2, users, 'g1')])
  await again.sink.flush(signal)
  await again.sink[Symbol.asyncDispose]()
  await expectRecord(open, { position: snapshotEndAt(2, users, 'g1').end, carry: '', chunks: ['public.users/g1/end'] })
}

async function expectRecord(open: Bench['open'], expected: SinkRecord): Promise<void> {
  const { sink, record } = await open()
  await sink[Symbol.asyncDispose]()
  assert.deepEqual(record && { ...record, chunks: [...record.chunks].sort() }, expected)
}

/**
 * Dies after every number of batches, without a flush before and with one that all but the last had, and then takes what follows its own
 * record: the place must hold what it would have held without the death.
 */
async function diesEverywhere({ anew }: Bench, scenario: Scenario): Promise<void> {
  for (let death = 1; death <= scenario.batches.length; death++) {
    for (const flushed of new Set([0, death - 1])) await anew((bench) => diesAt(bench, scenario, { death, flushed }))
  }
}

async function diesAt(bench: Bench, { batches, tables }: Scenario, { death, flushed }: { death: number; flushed: number }): Promise<void> {
  const first = await bench.open()
  for (const [at, batch] of batches.slice(0, death).entries()) {
    await first.sink.write(batch, signal)
    if (at + 1 === flushed) await flushAll(bench, { sink: first.sink, given: batches.slice(0, flushed) })
  }
  await bench.crash(first.sink)
  const { sink, record } = await bench.open()
  const held = heldBatches(batches, record)
  assert.ok((record?.position ?? '') >= bench.reported(), `reported ${bench.reported()}, holds ${record?.position}`)
  assert.ok(held >= flushed, `flushed ${flushed} batches, holds ${held}`)
  assert.ok(held <= death, `was given ${death} batches, holds ${held}`)
  await writeAll(sink, batches.slice(held))
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  await bench.expectHolds(batches, tables)
}

/** After a flush nothing is pending, but for a chunk delivered in part, and a sink that reports has reported. */
async function flushAll({ reported }: Bench, { sink, given }: { sink: Sink; given: readonly Batch[] }): Promise<void> {
  await sink.flush(signal)
  const rows = given.findLast((batch) => batch.kind === 'rows')
  if (sink.hasPending === undefined || rows?.last === false) return
  assert.equal(sink.hasPending, false, 'nothing is pending after a flush')
  assert.equal(reported(), given.at(-1)?.end, 'what was flushed was reported')
}

/** How many batches a record covers, each of which has an end of its own. The chunks it names must be those of these batches. */
function heldBatches(batches: readonly Batch[], record: SinkRecord | null): number {
  if (record === null) return 0
  const held = batches.filter((batch) => batch.end <= record.position)
  assert.deepEqual([...record.chunks].sort(), chunksDone(held))
  return held.length
}

function chunksDone(batches: readonly Batch[]): string[] {
  const generations = batches.flatMap((batch) => (batch.kind === 'control' && batch.event === 'snapshot-end' ? [batch.chunk] : []))
  const ended = generations.map((chunk) => chunk.slice(0, -'end'.length))
  const chunks = batches.flatMap((batch) => (batch.kind === 'rows' && batch.last ? [batch.chunk] : []))
  return [...generations, ...chunks.filter((chunk) => !ended.some((generation) => chunk.startsWith(generation)))].sort()
}

/** A crash between the sink's own commit and the caller's note of it: allowed to repeat where at-least-once is all it says. */
async function takesAgain(bench: Bench): Promise<void> {
  const batches = [schemaAt(1, users), batchOf(1, insertOf(users, userRow(1)), insertOf(users, userRow(2)))]
  const first = await bench.open()
  await writeAll(first.sink, batches)
  await first.sink.flush(signal)
  await bench.crash(first.sink)
  const { sink, record } = await bench.open()
  await writeAll(sink, batches.slice(heldBatches(batches, record)))
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  if (bench.subject.capabilities.delivery === 'exactly-once') await bench.expectHolds(batches, [users])
}

async function flushesNothing({ open }: Bench): Promise<void> {
  const { sink } = await open()
  await sink.flush(signal)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
}
