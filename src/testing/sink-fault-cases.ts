import assert from 'node:assert/strict'
import type { Batch } from '../contracts/batch.ts'
import type { Sink } from '../contracts/sink.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { batchOf, insertOf, schemaAt, updateOf, userRow, usersTable } from './fixtures.ts'
import { signal, writeAll, type Bench, type BenchCase } from './sink-bench.ts'
import { goOn } from './sink-crash-cases.ts'
import type { PlaceFault } from './sink-subject.ts'
import { withFaults, type FaultPlan } from './with-faults.ts'

/** What goes wrong in the middle must be told, must end when it is told to end, and must lose nothing. */
export const faultCases: readonly BenchCase[] = [
  { title: 'can be stopped in the middle of a write, and loses nothing by it', run: stopsWriting },
  { title: 'can be stopped in the middle of a flush, and loses nothing by it', run: stopsFlushing },
  { title: 'can be disposed of before it was asked anything', run: isDisposedUnused },
  { title: 'loses nothing when any one of its calls fails before the work or after it', run: failsAnyCall },
  { title: 'tells it when what lies behind it refuses, and loses nothing by it', run: (bench) => fails(bench, 'reject') },
  { title: 'tells it when what lies behind it fails after the work, and loses nothing by it', run: (bench) => fails(bench, 'fail-after') },
  { title: 'is not durable while what lies behind it does not answer, and can be stopped then', run: isHeld },
]

const users = usersTable()
const batches: readonly Batch[] = [
  schemaAt(0, users),
  batchOf(1, insertOf(users, userRow(1)), insertOf(users, userRow(2))),
  batchOf(2, updateOf(users, userRow(1, 'second')), insertOf(users, userRow(3))),
  batchOf(3, updateOf(users, userRow(1, 'third')), updateOf(users, userRow(3, 'third'))),
]

async function stopsWriting(bench: Bench): Promise<void> {
  const { sink } = await bench.open()
  const before = await writeAll(sink, batches.slice(0, 2))
  const stop = new AbortController()
  const writing = outcome(sink.write(batches[2]!, stop.signal)) // there are four
  stop.abort(new Error('stopped'))
  const answer = await writing
  await bench.crash(sink)
  await goOn(bench, { batches, tables: [users], first: batches.slice(0, 3), sure: answer === 'durable' ? 3 : before })
}

async function stopsFlushing(bench: Bench): Promise<void> {
  const { sink } = await bench.open()
  const before = await writeAll(sink, batches.slice(0, 3))
  const stop = new AbortController()
  const flushing = outcome(sink.flush(stop.signal))
  stop.abort(new Error('stopped'))
  const answer = await flushing
  await bench.crash(sink)
  await goOn(bench, { batches, tables: [users], first: batches.slice(0, 3), sure: answer instanceof Error ? before : 3 })
}

async function isDisposedUnused({ open }: Bench): Promise<void> {
  const { sink } = await open()
  await sink[Symbol.asyncDispose]()
}

/** Each of four writes and two flushes: whoever called does not know what was done, and goes on from what it does know. */
async function failsAnyCall({ anew }: Bench): Promise<void> {
  for (let call = 0; call < 6; call++)
    for (const plan of [{ reject: [call] }, { failAfter: [call] }]) await anew((bench) => failsCall(bench, plan))
}

async function failsCall(bench: Bench, plan: FaultPlan): Promise<void> {
  const { sink } = await bench.open()
  const failing = withFaults(sink, plan)
  let given = 0
  let sure = 0
  const writing = async (): Promise<void> => {
    for (const batch of batches) {
      given++
      if ((await failing.write(batch, signal)) === 'durable') sure = given
      if (given % 2 !== 0) continue
      await failing.flush(signal)
      sure = given
    }
  }
  assert.ok((await outcome(writing())) instanceof Error, 'the plan is one of failing')
  await bench.crash(sink)
  await goOn(bench, { batches, tables: [users], first: batches.slice(0, given), sure })
}

/** Where it fails after the work, what was done stays, and comes again as anything may that was not durable. */
async function fails(bench: Bench, fault: PlaceFault): Promise<void> {
  if (!bench.place.disturb) return
  const { sink } = await bench.open()
  await writeAll(sink, batches.slice(0, 2))
  await sink.flush(signal)
  const disturbance = await bench.place.disturb(fault)
  const answer = await outcome(writeAndFlush(sink, batches.slice(2, 3), signal))
  await disturbance.end()
  assert.ok(answer instanceof MillraceError, `a write that failed is told by an error of the table, not ${String(answer)}`)
  assert.ok(['transient', 'operator'].includes(answer.kind), `${answer.code} is of the kind ${answer.kind}`)
  await bench.crash(sink)
  await goOn(bench, { batches, tables: [users], first: batches.slice(0, 3), sure: 2 })
}

async function isHeld(bench: Bench): Promise<void> {
  if (!bench.place.disturb) return
  const { sink } = await bench.open()
  await writeAll(sink, batches.slice(0, 2))
  await sink.flush(signal)
  const disturbance = await bench.place.disturb('hold')
  const stop = new AbortController()
  const writing = outcome(writeAndFlush(sink, batches.slice(2, 3), stop.signal))
  const early = await Promise.race([disturbance.reached.then(() => null), writing])
  assert.equal(early, null, 'it is durable, and what lies behind it has not answered')
  stop.abort(new Error('stopped'))
  const answer = await writing
  assert.ok(answer instanceof Error, 'a flush that was stopped is not a flush')
  await bench.crash(sink)
  await disturbance.end()
  await goOn(bench, { batches, tables: [users], first: batches.slice(0, 3), sure: 2 })
}

async function writeAndFlush(sink: Sink, some: readonly Batch[], until: AbortSignal): Promise<'flushed'> {
  for (const batch of some) await sink.write(batch, until)
  await sink.flush(until)
  return 'flushed'
}

function outcome<T>(promise: Promise<T>): Promise<T | Error> {
  return promise.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
}
