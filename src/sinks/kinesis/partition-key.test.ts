import { describe, expect, test } from 'vitest'
import type { Batch } from '../../contracts/batch.ts'
import { UNCHANGED, type Row } from '../../contracts/table.ts'
import { messagesOf } from '../../messages/messages-of.ts'
import { batchOf, deleteOf, insertOf, messageAt, rowsAt, truncateOf, updateOf, userRow, usersTable } from '../../testing/fixtures.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import type { Format } from '../../contracts/format.ts'
import { createPartitionKey, type PartitionedChange, type PartitionKeyOf } from './partition-key.ts'

const users = usersTable()
const keyed = (key: string | null): Format => ({ ...createPlainFormat(), change: () => [{ topic: null, key, value: '1', headers: null }] })

function keysOf(option: string | PartitionKeyOf, batch: Batch, format: Format = createPlainFormat()): string[] {
  return [...messagesOf(format, batch)].map(createPartitionKey(option, 'kinesis'))
}

const one = batchOf(1, insertOf(users, userRow(1)))

describe('a partition key', () => {
  test("is by default the message's key, and the table where it has none", () => {
    expect(keysOf('${key}', one, keyed('{"id":1}'))).toEqual(['{"id":1}'])
    expect(keysOf('${key}', one, keyed(null))).toEqual(['public.users'])
    expect(keysOf('${key}', batchOf(1, truncateOf(users)))).toEqual(['public.users'])
  })

  test('is never empty, also for what is about no table', () => {
    expect(keysOf('${key}', { ...batchOf(1), changes: [messageAt(1)] })).toEqual(['millrace.messages'])
    expect(keysOf(() => '', one)).toEqual(['public.users'])
  })

  test('is a template of the row', () => {
    expect(keysOf('${table}-${row.name}', batchOf(1, insertOf(users, userRow(1, 'Ada'))))).toEqual(['users-Ada'])
  })

  test('is the same short text for equal long ones, and another for others', () => {
    const [exact = ''] = keysOf('${key}', one, keyed('x'.repeat(256)))
    const [long = ''] = keysOf('${key}', one, keyed('x'.repeat(257)))
    expect(exact).toBe('x'.repeat(256))
    expect(long).toMatch(/^sha256-[\w-]{43}$/)
    expect(keysOf('${key}', one, keyed('x'.repeat(257)))).toEqual([long])
    expect(keysOf('${key}', one, keyed(`${'x'.repeat(256)}y`))).not.toEqual([long])
  })

  test('of a function sees what the log sent, by column name', () => {
    const seen: PartitionedChange[] = []
    const choose: PartitionKeyOf = (change) => String(seen.push(change))
    const before: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
    const batch = batchOf(1, updateOf(users, [1n, 'Ada', '1.50', UNCHANGED], { before }), deleteOf(users, before), truncateOf(users))
    expect(keysOf(choose, batch)).toEqual(['1', '2', '3'])
    keysOf(choose, rowsAt(1, { table: users, chunk: 'c', rows: [userRow(2)] }))
    const named = { table: 'public.users', key: { id: 1n } }
    expect(seen).toEqual([
      { op: 'update', ...named, before: { id: 1n }, after: { id: 1n, name: 'Ada', balance: '1.50' } },
      { op: 'delete', ...named, before: { id: 1n }, after: null },
      { op: 'truncate', ...named, key: null, before: null, after: null },
      { op: 'read', ...named, key: { id: 2n }, before: null, after: { id: 2n, name: 'user 2', balance: '2.50', doc: '{"n": 2}' } },
    ])
  })

  test('that a function does not give is an error that names the table, and no value', () => {
    const refused = expect.objectContaining({ code: 'SINK_PARTITION_KEY', message: expect.stringContaining('public.users') })
    // A program without types may return anything.
    expect(() => keysOf((() => 7) as unknown as PartitionKeyOf, one)).toThrow(refused)
    const throwing: PartitionKeyOf = ({ after }) => {
      throw new TypeError(`cannot use ${String(after?.name)}`)
    }
    expect(() => keysOf(throwing, one)).toThrow(refused)
    expect(() => keysOf(throwing, one)).not.toThrow(/user 1/)
  })
})
