import assert from 'node:assert/strict'
import type { Batch } from '../contracts/batch.ts'
import type { SinkRecord } from '../contracts/sink.ts'
import { batchOf, insertOf, rowsAt, schemaAt, snapshotBeginAt, snapshotEndAt, userRow, usersTable } from './fixtures.ts'
import { signal, writeAll, type Bench, type BenchCase } from './sink-bench.ts'

/** What a sink's own record must say. */
export const recordCases: readonly BenchCase[] = [
  { title: 'holds nothing by its own record before it wrote', run: beginsWithNothing },
  { title: 'holds after a flush the position and carry of the last batch', run: recordsPosition },
  { title: 'moves its position by empty batches', run: movesByEmptyBatches },
  { title: 'records a chunk with its last rows only, and an ended generation as one', run: recordsChunks },
]

const users = usersTable()

async function beginsWithNothing({ open }: Bench): Promise<void> {
  await expectRecord(open, null)
}

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

async function expectRecord(open: Bench['open'], expected: SinkRecord | null): Promise<void> {
  const { sink, record } = await open()
  await sink[Symbol.asyncDispose]()
  assert.deepEqual(record && { ...record, chunks: [...record.chunks].sort() }, expected)
}
