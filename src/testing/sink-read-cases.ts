import assert from 'node:assert/strict'
import { UNCHANGED, type Row } from '../contracts/table.ts'
import { batchOf, insertOf, schemaAt, userRow, usersTable } from './fixtures.ts'
import { signal, writeAll, type Bench, type BenchCase } from './sink-bench.ts'
import { expectSameRows } from './sink-expectations.ts'

/** What `verify` relies on. */
export const readCases: readonly BenchCase[] = [
  { title: 'reads back the rows of the keys that it is asked for, and no others', run: readsKeys },
]

const users = usersTable()

async function readsKeys({ open }: Bench): Promise<void> {
  const { sink } = await open()
  await writeAll(sink, [schemaAt(0, users), batchOf(1, ...[1, 2, 3, 4].map((id) => insertOf(users, userRow(id))))])
  await sink.flush(signal)
  assert.ok(sink.scan, 'what is readable has `scan`')
  const found: Row[] = []
  for await (const rows of sink.scan(users, [2, 4, 9].map(onlyKey), signal)) found.push(...rows)
  await sink[Symbol.asyncDispose]()
  expectSameRows(users, found, [userRow(2), userRow(4)])
}

function onlyKey(id: number): Row {
  return users.columns.map((_, at) => (at === 0 ? BigInt(id) : UNCHANGED))
}
