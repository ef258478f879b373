import assert from 'node:assert/strict'
import type { Batch } from '../contracts/batch.ts'
import type { SinkCapabilities } from '../contracts/sink.ts'
import { batchOf, insertOf, rowsAt, schemaAt, updateOf, userRow, usersTable } from './fixtures.ts'
import { signal, writeAll, type Bench, type BenchCase } from './sink-bench.ts'

/** Dead letters that are given again: for sinks of the log only, the others get the rows as they are by then. */
export function lateCases({ delivery, late, shape }: SinkCapabilities): BenchCase[] {
  if (shape !== 'changes' || !(late ?? delivery === 'at-least-once')) return []
  return [{ title: 'takes a change and a row later than their place in the log, and stays where it is', run: takesLate }]
}

const users = usersTable()

async function takesLate({ subject, open, expectHolds }: Bench): Promise<void> {
  const last = batchOf(3, insertOf(users, userRow(3)))
  const inTime = [schemaAt(1, users), batchOf(2, insertOf(users, userRow(2))), last]
  const { sink } = await open()
  await writeAll(sink, inTime)
  await sink.flush(signal)
  const placed = { end: last.end, carry: last.carry }
  const again: Batch[] = [
    { ...batchOf(1, insertOf(users, userRow(1)), updateOf(users, userRow(1, 'after'))), ...placed },
    { ...rowsAt(1, { table: users, chunk: 'public.users 1/again', rows: [userRow(9)] }), ...placed },
  ]
  await writeAll(sink, again)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  await expectHolds([...inTime, ...again], [users])
  if (subject.capabilities.delivery !== 'exactly-once') return
  const next = await open()
  await next.sink[Symbol.asyncDispose]()
  assert.deepEqual(next.record, { position: last.end, carry: last.carry, chunks: [] })
}
