import assert from 'node:assert/strict'
import type { Batch } from '../contracts/batch.ts'
import type { Sink, SinkCapabilities, SinkRecord } from '../contracts/sink.ts'
import { batchOf, insertOf, schemaAt, userRow, usersTable } from './fixtures.ts'
import { signal, writeAll, type Bench, type BenchCase } from './sink-bench.ts'
import { inImages, type Scenario } from './sink-scenarios.ts'

/** What a death must not do: lose, and, but for what no checkpoint covered, repeat. */
export function crashCases({ delivery, shape }: SinkCapabilities, scenarios: readonly Scenario[]): BenchCase[] {
  const what = delivery === 'exactly-once' ? 'loses and repeats nothing' : 'loses nothing and repeats only what no flush had covered'
  return [
    ...scenarios
      .filter(({ steady }) => !steady)
      .filter((scenario) => delivery === 'exactly-once' || shape !== 'tables' || canBeRepeated(scenario))
      .map((scenario) => ({
        title: `${what} when it dies anywhere: ${scenario.title}`,
        run: (bench: Bench) => diesEverywhere(bench, inBothForms(scenario)),
      })),
    { title: 'takes the same batches again after a flush that it was not told of', run: takesAgain },
  ]
}

/**
 * What tables without a record of their own can take again and come out the same: changes by key. Of rows without one a repeat is one more, and
 * a copy that is gone on with in the middle needs to be remembered.
 */
function canBeRepeated({ batches, tables }: Scenario): boolean {
  const isOfCopy = (batch: Batch) => batch.kind === 'rows' || (batch.kind === 'control' && batch.event.startsWith('snapshot'))
  return !batches.some(isOfCopy) && tables.every(({ key }) => key.length > 0)
}

/** Rows in either form, as a source gives them too: what it cannot keep as bytes it decodes. */
function inBothForms(scenario: Scenario): Scenario {
  return { ...scenario, batches: scenario.batches.map((batch, at) => (at % 2 === 0 ? inImages(batch) : batch)) }
}

/**
 * Dies after every number of batches, without a flush before and with one that all but the last had, and then takes what follows its own
 * record, or what was made durable: the place must hold what it would have held without the death.
 */
async function diesEverywhere({ anew }: Bench, scenario: Scenario): Promise<void> {
  for (let death = 1; death <= scenario.batches.length; death++) {
    for (const flushed of new Set([0, death - 1])) await anew((bench) => diesAt(bench, scenario, { death, flushed }))
  }
}

async function diesAt(bench: Bench, { batches, tables }: Scenario, { death, flushed }: { death: number; flushed: number }): Promise<void> {
  const { sink } = await bench.open()
  const first = batches.slice(0, death)
  const before = await writeAll(sink, first.slice(0, flushed))
  if (flushed > 0) await flushAll(bench, { sink, given: first.slice(0, flushed) })
  const after = await writeAll(sink, first.slice(flushed))
  await bench.crash(sink)
  await goOn(bench, { batches, tables, first, sure: Math.max(before, flushed, after > 0 ? flushed + after : 0) })
}

type Ended = Pick<Scenario, 'batches' | 'tables'> & { first: readonly Batch[]; sure: number }

/**
 * A new sink takes what follows: by its record, or, where it keeps none, by what was made durable (`sure`: so many of the first batches). It
 * must hold no less than that, and in the end everything.
 */
export async function goOn(bench: Bench, { batches, tables, first, sure }: Ended): Promise<void> {
  const { sink, record } = await bench.open()
  const from = resumeAt(bench, { batches, given: first.length, record, sure })
  await writeAll(sink, batches.slice(from))
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  const keepsRecord = bench.subject.capabilities.delivery === 'exactly-once'
  const given = keepsRecord ? { first: [], sure: 0, last: batches, all: batches } : { first, sure, last: batches.slice(from), all: batches }
  await bench.expectHolds(given, tables)
}

type Resumption = { batches: readonly Batch[]; given: number; record: SinkRecord | null; sure: number }

function resumeAt({ subject, reported }: Bench, { batches, given, record, sure }: Resumption): number {
  if (subject.capabilities.delivery === 'at-least-once') return sure
  assert.ok((record?.position ?? '') >= reported(), `reported ${reported()}, holds ${record?.position}`)
  const held = heldBatches(batches, record)
  assert.ok(held >= sure, `${sure} batches were durable, it holds ${held}`)
  assert.ok(held <= given, `was given ${given} batches, holds ${held}`)
  return held
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

const users = usersTable()

/** A crash between the sink's own commit and the caller's note of it: allowed to repeat where at-least-once is all it says. */
async function takesAgain(bench: Bench): Promise<void> {
  const batches = [schemaAt(1, users), batchOf(1, insertOf(users, userRow(1)), insertOf(users, userRow(2)))]
  const { sink } = await bench.open()
  await writeAll(sink, batches)
  await sink.flush(signal)
  await bench.crash(sink)
  const again = await bench.open()
  const from = bench.subject.capabilities.delivery === 'exactly-once' ? heldBatches(batches, again.record) : 0
  await writeAll(again.sink, batches.slice(from))
  await again.sink.flush(signal)
  await again.sink[Symbol.asyncDispose]()
  const isExact = bench.subject.capabilities.delivery === 'exactly-once'
  await bench.expectHolds(isExact ? batches : { first: batches, sure: 0, last: batches, all: batches }, [users])
}
