import { expect, test } from 'vitest'
import type { Batch } from '../contracts/batch.ts'
import { batchOf, deleteOf, insertOf, messageAt, rowsAt, schemaAt, userRow, usersTable } from '../testing/fixtures.ts'
import { createPlainFormat } from '../testing/plain-format.ts'
import { messageId, messagesOf } from './messages-of.ts'

const users = usersTable()
const chunk = 'public.users/g1/0'
const idsOf = (batch: Batch, format = createPlainFormat()) => [...messagesOf(format, batch)].map(messageId)

test('a batch is its changes in order, and what the format adds behind them', () => {
  const format = { ...createPlainFormat(), after: () => [{ topic: 'end', key: null, value: '1', headers: null }] }
  const batch = batchOf(3, insertOf(users, userRow(1)), deleteOf(users, userRow(1)))
  const messages = [...messagesOf(format, batch)]
  expect(messages.map(({ change, message }) => change?.op ?? message.topic)).toEqual(['insert', 'delete', 'end'])
})

test('ids are equal on a replay and differ for everything else', () => {
  const batches: Batch[] = [
    batchOf(3, insertOf(users, userRow(1)), insertOf(users, userRow(2))),
    { ...batchOf(4), changes: [messageAt(4)] },
    rowsAt(5, { table: users, chunk, rows: [userRow(1), userRow(2)] }),
    rowsAt(6, { table: users, chunk, rows: [userRow(1)] }),
    rowsAt(6, { table: users, chunk: `${chunk}1`, rows: [userRow(1)] }),
  ]
  const ids = batches.flatMap((batch) => idsOf(batch))
  expect(new Set(ids).size).toBe(7)
  expect(batches.flatMap((batch) => idsOf(batch))).toEqual(ids)
})

test('the same rows read in another order have the same ids, but for equal rows without a key, of which none is dropped', () => {
  const rows = [userRow(1), userRow(2)]
  const inOrder = idsOf(rowsAt(5, { table: users, chunk, rows }))
  expect(idsOf(rowsAt(5, { table: users, chunk, rows: rows.toReversed() }))).toEqual(inOrder.toReversed())
  const keyless = { ...users, key: [] }
  expect(new Set(idsOf(rowsAt(5, { table: keyless, chunk, rows: [userRow(1), userRow(1)] }))).size).toBe(2)
})

test('several messages of one change, and a control that a format tells, have ids of their own', () => {
  const twice = { ...createPlainFormat() }
  const one = twice.change
  twice.change = (change) => [...one(change), ...one(change)]
  expect(new Set(idsOf(batchOf(3, insertOf(users, userRow(1))), twice)).size).toBe(2)
  const telling = { ...createPlainFormat(), control: () => [{ topic: null, key: null, value: '{}', headers: null }] }
  expect(idsOf(schemaAt(3, users), telling)).toHaveLength(1)
  expect(idsOf(schemaAt(3, users))).toEqual([])
})
