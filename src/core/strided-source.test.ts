import { expect, test } from 'vitest'
import type { ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Source } from '../contracts/source.ts'
import { batchOf, insertOf, sampleColumn, sampleTable, userRow, usersTable } from '../testing/fixtures.ts'
import { withImages } from '../testing/imaged-changes.ts'
import { createMemoryLog, createMemorySource } from '../testing/memory-source.ts'
import { STRIDE } from './pieces.ts'
import { stridedSource } from './strided-source.ts'

const table = sampleTable('t', [sampleColumn('id', { kind: 'int32' })])

/** The places of the changes from `from` on, until the transaction is over; and where each batch ends. */
async function readFrom(source: Source, from: string) {
  const stop = new AbortController()
  const places: number[] = []
  const ends: string[] = []
  for await (const batch of source.read(from, stop.signal)) {
    const { changes, end, betweenTransactions } = batch as ChangesBatch // this log has no others
    places.push(...changes.map((change) => change.ordinal))
    ends.push(end)
    if (betweenTransactions) stop.abort()
  }
  return { places, ends }
}

test('wherever inside a transaction it is read from, each change of it comes once', async () => {
  const log = createMemoryLog({ tables: [table], batchChanges: 1 })
  const start = log.head()
  log.commit([1, 2, 3, 4].map((id) => ({ op: 'insert', table, row: [id] })))
  const source = stridedSource(createMemorySource(log))
  const { places, ends } = await readFrom(source, start)
  expect(places).toEqual([0, 1, 2, 3].map((ordinal) => ordinal * STRIDE))
  expect(ends.slice(0, 3)).toEqual(['0FFF', '1FFF', '2FFF'].map((ordinal) => `${start}:00000000${ordinal}`))
  for (const [index, end] of ends.slice(0, 3).entries()) expect((await readFrom(source, end)).places).toEqual(places.slice(index + 1))
})

test('what the server is told is in its own count', () => {
  const told: string[] = []
  const source = stridedSource({
    acknowledge: (position: string) => told.push(position),
    nudge: (position: string) => told.push(position),
  } as unknown as Source) // what is asked of it here
  source.acknowledge('00000000000000A0:000000002FFF')
  source.nudge('00000000000000A0', 5)
  expect(told).toEqual(['00000000000000A0:000000000002', '00000000000000A0'])
})

test('rows stay in the bytes they came in', async () => {
  const users = usersTable()
  const batch = withImages(batchOf(1, insertOf(users, userRow(7))))
  const read = async function* () {
    yield batch as ChangesBatch // a batch of changes stays one
  }
  const source = stridedSource({ read } as unknown as Source) // what is asked of it here
  for await (const made of source.read('', new AbortController().signal)) {
    const [change] = (made as ChangesBatch).changes as (Change & { op: 'insert' })[] // one insert
    expect(change?.image).toBe(((batch as ChangesBatch).changes[0] as Change & { op: 'insert' }).image)
    expect(change?.after).toEqual(userRow(7))
  }
})
