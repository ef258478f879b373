import { expect, test } from 'vitest'
import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Sink } from '../contracts/sink.ts'
import { sampleColumn, sampleTable } from '../testing/fixtures.ts'
import { holdable } from './hold-sink.ts'

const users = sampleTable('users', [sampleColumn('id', { kind: 'int32' }, { nullable: false })])
const signal = new AbortController().signal
const seesUpTo = (last: number) => ({ sees: (xid: number) => xid <= last })

const insert = (xid: number, ordinal: number): Change => ({
  op: 'insert',
  table: users,
  before: null,
  oldKey: null,
  after: [xid],
  ordinal,
  tx: { position: String(xid).padStart(16, '0'), xid, commitTimeUs: 0 },
})
const batchOf = (...changes: Change[]): ChangesBatch => ({
  kind: 'changes',
  log: '',
  end: '0000000000000099',
  carry: '',
  audience: null,
  changes,
  bytes: 10,
  betweenTransactions: true,
})

function recorded() {
  const calls: string[] = []
  const sink: Sink = {
    resume: async () => null,
    async write(batch: Batch) {
      calls.push(`write ${batch.kind === 'changes' ? batch.changes.map((change) => change.tx?.xid).join(',') : batch.kind} to ${batch.end}`)
      return 'accepted'
    },
    flush: async () => void calls.push('flush'),
    [Symbol.asyncDispose]: async () => {},
  }
  return { calls, sink: holdable(sink) }
}

test('a held sink stops durably at the first change that the snapshot does not see, and goes on after it with nothing lost', async () => {
  const { calls, sink } = recorded()
  const hold = await sink.hold()
  const written = sink.write(batchOf(insert(1, 0), insert(2, 0), insert(2, 1), insert(3, 0)), signal)
  expect(calls).toEqual([])
  expect(await hold.upTo(seesUpTo(2))).toBe(true)
  expect(calls).toEqual(['write 1,2,2 to 0000000000000002:000000000001', 'flush'])
  hold.release()
  await written
  expect(calls.at(-1)).toBe('write 3 to 0000000000000099')
})

test('a hold that is given up lets everything through, and a drain that ends the write ends the wait', async () => {
  const { calls, sink } = recorded()
  const hold = await sink.hold()
  const written = sink.write(batchOf(insert(1, 0)), signal)
  hold.release()
  await written
  expect(calls).toEqual(['write 1 to 0000000000000099'])

  await sink.hold()
  const ending = new AbortController()
  const cutShort = sink.write(batchOf(insert(2, 0)), ending.signal)
  ending.abort()
  await expect(cutShort).rejects.toThrow()
  expect(calls).toHaveLength(1)
})

test('in the middle of a chunk nothing is flushed, and the hold says that it did not succeed', async () => {
  const { calls, sink } = recorded()
  const rows: Batch = {
    ...{ kind: 'rows', log: '', end: '1', carry: '', audience: null, table: users, chunk: 'public.users/1/0', last: false },
    ...{ rowCount: 0, bytes: 0, rows: () => [], columns: () => ({ rowCount: 0, vectors: [] }) },
  }
  await sink.write(rows, signal)
  const hold = await sink.hold()
  const written = sink.write(batchOf(insert(5, 0)), signal)
  expect(await hold.upTo(seesUpTo(2))).toBe(false)
  expect(calls).not.toContain('flush')
  hold.release()
  await written
})
