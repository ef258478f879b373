import { expect, test } from 'vitest'
import type { ChangesBatch, ControlBatch, RowsBatch } from '../contracts/batch.ts'
import type { Table } from '../contracts/table.ts'
import type { TableStep, Transform } from '../contracts/transform.ts'
import {
  batchOf,
  deleteOf,
  insertOf,
  messageAt,
  rowsAt,
  sampleColumn,
  sampleTable,
  schemaAt,
  snapshotBeginAt,
  snapshotEndAt,
  updateOf,
  userRow,
  usersTable,
} from '../testing/fixtures.ts'
import { strided, STRIDE, unstrided } from './pieces.ts'
import { createTransformation } from './transformation.ts'

const users = usersTable()
const named = (table: Table, name: string): Table => ({ ...table, name, version: `${table.version} ${name}` })
const alike = (table: Table): number[] => table.columns.map((_, index) => index)

/** A transform by what it does with a table. */
const doing = (step: (table: Table) => Partial<TableStep> | null): Transform => ({
  table(table) {
    const made = step(table)
    const plain: TableStep = { to: table, moves: alike(table), selects: false, rows: (rows) => rows, change: (change) => change }
    return made && { ...plain, ...made }
  },
})
const through = (...transforms: Transform[]) => createTransformation(transforms, { keyNeededBy: null })
const renaming = (name: string) =>
  doing((table) => ({ to: named(table, name), change: (change) => ({ ...change, table: named(table, name) }) }))

test('controls tell of the table that was made, and of the one before', () => {
  const transforms = through(renaming('people'))
  const wider = { ...users, version: 'wider', columns: [...users.columns, sampleColumn('x', { kind: 'int32' }, { id: 9 })] }
  const told = transforms.batch(schemaAt(1, wider, users)) as ControlBatch & { event: 'schema' } // a control stays one
  expect([told.table.name, told.table.columns.length, told.previous?.name, told.previous?.columns.length]).toEqual([
    'people',
    5,
    'people',
    4,
  ])
  for (const control of [snapshotBeginAt(1, users, 'g'), snapshotEndAt(2, users, 'g')]) {
    expect(transforms.batch(control)).toEqual({ ...control, table: transforms.chain(users).to })
  }
})

test('a table is asked about once a version, however many objects describe it', () => {
  let asked = 0
  const transforms = through(doing(() => (asked++, null)))
  transforms.batch(batchOf(1, insertOf(users, userRow(1)), insertOf({ ...users }, userRow(2))))
  transforms.batch(rowsAt(2, { table: { ...users }, chunk: 'c', rows: [userRow(1)] }))
  expect(asked).toBe(1)
  transforms.batch(schemaAt(3, { ...users, version: 'other' }, users))
  expect(asked).toBe(2)
})

test('transforms follow each other as they are written', () => {
  const order: string[] = []
  const noting = (name: string) => doing((table) => (order.push(`${name} ${table.name}`), { to: named(table, name) }))
  const transforms = through(noting('b'), noting('c'))
  expect(transforms.chain(users).to.name).toBe('c')
  expect(order).toEqual(['b users', 'c b'])
})

test('a batch of changes ends where it did, empty ones too, and messages pass', () => {
  const transforms = through(doing(() => ({ change: (change) => (change.op === 'delete' ? null : change) })))
  const batch = batchOf(1, insertOf(users, userRow(1)), deleteOf(users, userRow(1)))
  const made = transforms.batch({ ...batch, changes: [...batch.changes, messageAt(1)], raw: new Uint8Array(3) }) as ChangesBatch // a batch of changes stays one
  expect(made.changes.map(({ op }) => op)).toEqual(['insert', 'message'])
  expect(made).not.toHaveProperty('raw')
  expect([made.end, made.carry, made.bytes, made.betweenTransactions]).toEqual([batch.end, batch.carry, batch.bytes, true])
  expect(transforms.batch(batchOf(2, deleteOf(users, userRow(1))))).toMatchObject({ changes: [], end: batchOf(2).end })
})

test('several changes of one are counted on from it, also through the transforms behind', () => {
  const twice = doing(() => ({ change: (change) => [change, change] }))
  const batch = batchOf(1, insertOf(users, userRow(1)), updateOf(users, userRow(2)))
  const spaced = { ...batch, changes: batch.changes.map((change) => ({ ...change, ordinal: change.ordinal * STRIDE })) }
  const made = through(twice, twice).batch(spaced) as ChangesBatch // a batch of changes stays one
  expect(made.changes.map(({ op, ordinal }) => `${op} ${ordinal}`)).toEqual([
    ...['insert 0', 'insert 1', 'insert 2', 'insert 3'],
    ...[0, 1, 2, 3].map((piece) => `update ${STRIDE + piece}`),
  ])
  const many = doing(() => ({ change: (change) => Array.from({ length: STRIDE + 1 }, () => change) }))
  expect(() => through(many).batch(spaced)).toThrow(expect.objectContaining({ code: 'TRANSFORM_TOO_MANY' }))
})

test('a position inside a transaction settles the changes of the source with all of their pieces', () => {
  expect(strided('00000000000000A0')).toBe('00000000000000A0')
  expect(strided('00000000000000A0:000000000001')).toBe('00000000000000A0:000000001FFF')
  for (const ordinal of [0, 1, 2 ** 32]) {
    const position = `00000000000000A0:${ordinal.toString(16).toUpperCase().padStart(12, '0')}`
    expect(unstrided(strided(position))).toBe(position)
  }
})

test('columns that only moved stay as they are; others, and those of which rows are gone, are made of rows', () => {
  const moving = doing((table) => ({
    to: named(table, 'm'),
    moves: [2, 0, null],
    rows: (rows) => rows.map((row) => [row[2] ?? null, row[0] ?? null, 'new']),
  }))
  const source = rowsAt(1, { table: users, chunk: 'c', rows: [userRow(1), userRow(2)] })
  const made = through(moving).batch(source) as RowsBatch // a batch of rows stays one
  expect(made.columns().vectors[0]).toBe(source.columns().vectors[2])
  expect(made.columns().vectors[2]).toEqual({ form: 'values', values: ['new', 'new'] })
  expect(made.rows()).toEqual([
    ['1.50', 1n, 'new'],
    ['2.50', 2n, 'new'],
  ])

  const second = doing(() => ({ selects: true, rows: (rows) => rows.slice(1) }))
  const fewer = through(second, moving).batch(source) as RowsBatch // a batch of rows stays one
  expect(fewer.rowCount).toBe(1)
  expect(fewer.columns()).toEqual({ rowCount: 1, vectors: [['2.50'], [2n], ['new']].map((values) => ({ form: 'values', values })) })
  expect([fewer.chunk, fewer.last, fewer.end]).toEqual([source.chunk, source.last, source.end])
})

test('rows are not made where only columns are asked for and nothing but those moves', () => {
  const moving = doing(() => ({
    moves: [0, 1, 2, 3],
    rows: () => {
      throw new Error('made')
    },
  }))
  const source = rowsAt(1, { table: users, chunk: 'c', rows: [userRow(1)] })
  expect((through(moving).batch(source) as RowsBatch).columns()).toEqual(source.columns()) // a batch of rows stays one
})

test('two tables under one name are refused, but where the source calls them alike', () => {
  const transforms = through(renaming('all'))
  transforms.batch(schemaAt(1, users))
  const orders = sampleTable('orders', users.columns, { id: 2 })
  expect(() => transforms.batch(schemaAt(2, orders))).toThrow(
    expect.objectContaining({
      code: 'TRANSFORM_NAME_TAKEN',
      fields: { name: 'public.all', first: 'public.users', second: 'public.orders' },
    }),
  )
  expect(() => transforms.check([users, orders])).toThrow(expect.objectContaining({ code: 'TRANSFORM_NAME_TAKEN' }))
  expect(() => transforms.check([orders])).not.toThrow()
  transforms.batch({ ...schemaAt(3, users), event: 'table-dropped' } as ControlBatch) // of the other events it has what it needs
  expect(transforms.batch(schemaAt(4, orders))).toMatchObject({ table: { name: 'all' } })
  expect(through(renaming('all')).batch(schemaAt(1, { ...users, id: 7 }))).toMatchObject({ table: { name: 'all' } })
})

test('a key that a sink needs cannot go', () => {
  const losing = doing((table) => ({ to: { ...table, columns: table.columns.slice(1), key: [] } }))
  const needed = createTransformation([losing], { keyNeededBy: 'duckdb' })
  expect(() => needed.check([users])).toThrow(
    expect.objectContaining({ code: 'TRANSFORM_KEY_LOST', fields: { table: 'public.users', column: 'id', sink: 'duckdb' } }),
  )
  expect(() => through(losing).check([users])).not.toThrow()
})
