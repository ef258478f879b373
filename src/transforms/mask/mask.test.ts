import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { UNCHANGED, type Row } from '../../contracts/table.ts'
import type { Transform } from '../../contracts/transform.ts'
import { deleteOf, everyKindRows, everyKindTable, transactionOf, updateOf, usersTable } from '../../testing/fixtures.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'

const SALT = 'a salt of 20 letters'
const maskOf = (given: object): Transform =>
  definition.create(config.parse(given), { name: 'transforms[0] (mask)', baseDir: '/' }) as Transform // it is not asynchronous
const rowsOf = (given: object, rows: readonly Row[], table = usersTable()) =>
  maskOf(given).table(table)?.rows(rows, { position: '', chunk: '' })
const hmac = (text: string) => createHmac('sha256', SALT).update(text).digest('hex')
const ADA: Row = [7n, 'Ada Lovelace', '12.50', '{"a": 1}']

test('each way of masking, and the type that follows', () => {
  expect(rowsOf({ columns: ['name'], how: 'null' }, [ADA])).toEqual([[7n, null, '12.50', '{"a": 1}']])
  expect(rowsOf({ columns: ['balance'], how: 'fixed', value: 1 }, [ADA, [8n, null, null, null]])).toEqual([
    [7n, 'Ada Lovelace', '1.00', '{"a": 1}'],
    [8n, null, null, null],
  ])
  expect(rowsOf({ columns: ['name', 'balance'], how: 'hash', salt: SALT }, [ADA])).toEqual([
    [7n, hmac('Ada Lovelace'), hmac('12.50'), '{"a": 1}'],
  ])
  expect(rowsOf({ columns: ['name', 'balance'], how: 'keep-last', keep: 4 }, [ADA, [8n, '🚀aé', '1.00', null]])).toEqual([
    [7n, '********lace', '*2.50', '{"a": 1}'],
    [8n, '***', '****', null],
  ])
  const step = maskOf({ columns: ['balance'], how: 'hash', salt: SALT }).table(usersTable())
  expect(step?.to.columns[2]).toMatchObject({ name: 'balance', id: 3, type: { kind: 'text' }, sourceType: 'text' })
  expect(step?.to.version).not.toBe(usersTable().version)
  expect(step?.moves).toEqual([0, 1, null, 3])
})

test('a hash of the key keeps rows apart and is the same in every row of a change', () => {
  const table = usersTable()
  const step = maskOf({ columns: ['id'], how: 'hash', salt: SALT }).table(table)
  const [change] = transactionOf(1, [
    updateOf(table, [8n, 'Ada', null, UNCHANGED], {
      oldKey: [7n, UNCHANGED, UNCHANGED, UNCHANGED],
      before: [7n, UNCHANGED, UNCHANGED, UNCHANGED],
    }),
  ])
  const hidden = [hmac('7'), UNCHANGED, UNCHANGED, UNCHANGED]
  expect(step?.change(change as never)).toMatchObject({
    table: step?.to,
    after: [hmac('8'), 'Ada', null, UNCHANGED],
    oldKey: hidden,
    before: hidden,
  })
  const [gone] = transactionOf(1, [deleteOf(table, [7n, UNCHANGED, UNCHANGED, UNCHANGED])])
  expect(step?.change(gone as never)).toMatchObject({ op: 'delete', before: hidden })
})

test.each(['null', 'fixed', 'keep-last'])('%s is refused for a column of the key', (how) => {
  const more = how === 'fixed' ? { value: 1 } : how === 'keep-last' ? { keep: 2 } : {}
  expect(() => rowsOf({ columns: ['id'], how, ...more }, [])).toThrow(expect.objectContaining({ code: 'TRANSFORM_MASK_KEY' }))
})

test('hashed is the text of a value as it is written elsewhere, or its bytes', () => {
  const table = everyKindTable()
  const hashes =
    rowsOf({ columns: ['flag', 'double', 'day', 'instant', 'bytes'], how: 'hash', salt: SALT }, everyKindRows().slice(0, 1), table)?.[0] ??
    []
  const at = (name: string) => hashes[table.columns.findIndex((column) => column.name === name)]
  expect([at('flag'), at('double'), at('day'), at('instant')]).toEqual(
    ['true', '0.1', '2026-11-20', '2026-11-20T01:02:03.123456Z'].map(hmac),
  )
  expect(at('bytes')).toBe(
    createHmac('sha256', SALT)
      .update(Uint8Array.of(1, 2, 255))
      .digest('hex'),
  )
})

test('every kind can be hashed, equal values alike; what has no text cannot keep some of it', () => {
  const table = everyKindTable()
  const columns = table.columns.slice(1).map((column) => column.name)
  const made = rowsOf({ columns, how: 'hash', salt: SALT }, everyKindRows(), table) ?? []
  const again = rowsOf({ columns, how: 'hash', salt: SALT }, everyKindRows(), table)
  expect(made).toEqual(again)
  for (const [at, row] of everyKindRows().entries())
    for (const [column, value] of row.entries())
      if (column > 0) expect(typeof made[at]?.[column]).toBe(value === null ? 'object' : 'string')
  expect(() => rowsOf({ columns: ['json'], how: 'keep-last', keep: 1 }, [], table)).toThrow(
    expect.objectContaining({ code: 'TRANSFORM_COLUMN_TYPE' }),
  )
  expect(() => rowsOf({ columns: ['mood'], how: 'fixed', value: 'furious' }, [], table)).toThrow(
    expect.objectContaining({ code: 'TRANSFORM_COLUMN_TYPE' }),
  )
})

test('an added column is masked in the rows from before it, too', () => {
  const users = usersTable()
  const table = { ...users, columns: users.columns.map((column) => (column.name === 'name' ? { ...column, missing: 'secret' } : column)) }
  const step = maskOf({ columns: ['name'], how: 'hash', salt: SALT }).table(table)
  expect(step?.to.columns[1]?.missing).toBe(hmac('secret'))
  expect(maskOf({ columns: ['name'], how: 'null' }).table(table)?.to.columns[1]).not.toHaveProperty('missing')
})

test.each([
  [{ columns: ['name'], how: 'hash' }, 'salt'],
  [{ columns: ['name'], how: 'hash', salt: 'short' }, 'salt'],
  [{ columns: ['name'], how: 'fixed' }, 'value'],
  [{ columns: ['name'], how: 'keep-last', keep: 4, salt: SALT }, 'salt'],
])('%j is no configuration', (given, option) => {
  expect(config.safeParse(given).error?.issues.map(({ path }) => path.join('.'))).toEqual([option])
})
