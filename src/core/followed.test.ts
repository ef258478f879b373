import { expect, test } from 'vitest'
import type { Change } from '../contracts/change.ts'
import { sampleColumn, sampleTable } from '../testing/fixtures.ts'
import { createFollowed } from './followed.ts'

const table = sampleTable('users', [sampleColumn('id', { kind: 'int32' })])
const insert = (position: string, ordinal: number): Change => ({
  op: 'insert',
  table,
  before: null,
  oldKey: null,
  after: [1],
  ordinal,
  tx: { position, xid: 1, commitTimeUs: Number(position) },
})
const truncate = (position: string): Change => ({
  op: 'truncate',
  table,
  cascade: false,
  restartIdentity: false,
  ordinal: 0,
  tx: { position, xid: 1, commitTimeUs: Number(position) },
})

test('counts changes by kind', () => {
  const followed = createFollowed()
  followed.take({ changes: [insert('1', 0), insert('1', 1), truncate('2')], bytes: 30 })
  followed.take({ changes: [], bytes: 5 })
  expect(followed.now).toEqual({
    changes: 3,
    operations: { insert: 2, update: 0, delete: 0, truncate: 1, message: 0 },
    bytes: 35,
    commitTimeUs: 2,
  })
})

test('what is read again by the next session counts no second time, also from the middle of a transaction', () => {
  const followed = createFollowed()
  followed.session()
  followed.take({ changes: [insert('1', 0), insert('2', 0), insert('2', 1)], bytes: 30 })
  followed.session()
  followed.take({ changes: [insert('2', 0), insert('2', 1), insert('2', 2), insert('3', 0)], bytes: 40 })
  expect(followed.now).toMatchObject({ changes: 5, bytes: 50, operations: { insert: 5 } })
})

test('changes of a table that was held come late within a session and count', () => {
  const followed = createFollowed()
  followed.session()
  followed.take({ changes: [insert('5', 0)], bytes: 10 })
  followed.take({ changes: [insert('2', 0)], bytes: 10 })
  expect(followed.now.changes).toBe(2)
})
