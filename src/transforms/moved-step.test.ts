import { expect, test } from 'vitest'
import type { ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { RowImage } from '../contracts/row-image.ts'
import { UNCHANGED, type Row } from '../contracts/table.ts'
import type { Transform } from '../contracts/transform.ts'
import type { TransformDefinition } from '../contracts/definition.ts'
import { batchOf, deleteOf, insertOf, transactionOf, updateOf, usersTable, userRow } from '../testing/fixtures.ts'
import { withImages } from '../testing/imaged-changes.ts'
import { definition as drop } from './drop/definition.ts'
import { definition as rename } from './rename/definition.ts'
import { definition as select } from './select/definition.ts'

const make = (definition: TransformDefinition, given: object): Transform =>
  definition.create(definition.config.parse(given), { name: `transforms[0] (${definition.type})`, baseDir: '/' }) as Transform // none is asynchronous
const users = usersTable()
const U: typeof UNCHANGED = UNCHANGED
const stepOf = (definition: TransformDefinition, given: object, table = users) => make(definition, given).table(table)

test('select keeps the columns named, in the order of the table, with the key as far as it is there', () => {
  const step = stepOf(select, { columns: ['balance', 'id'] })
  expect(step?.to.columns.map((column) => column.name)).toEqual(['id', 'balance'])
  expect(step?.to.key).toEqual([0])
  expect(step?.rows([userRow(1)], { position: '', chunk: '' })).toEqual([[1n, '1.50']])
  expect(stepOf(select, { columns: ['balance'] })?.to.key).toEqual([])
  expect(stepOf(select, { columns: ['id', 'name', 'balance', 'doc'] })).toBeNull()
})

test('drop leaves columns out of every row of a change', () => {
  const step = stepOf(drop, { columns: ['name'] })
  const act = updateOf(users, [2n, 'x', U, '{}'], { oldKey: [1n, U, U, U], before: [1n, U, U, U] })
  expect(step?.change(transactionOf(1, [act])[0] as never)).toMatchObject({
    after: [2n, U, '{}'],
    oldKey: [1n, U, U],
    before: [1n, U, U],
    table: step?.to,
  })
  expect(step?.change(transactionOf(1, [deleteOf(users, [1n, U, U, U])])[0] as never)).toMatchObject({ before: [1n, U, U] })
  expect(() => stepOf(drop, { columns: ['id', 'name', 'balance', 'doc'] })).toThrow(
    expect.objectContaining({ code: 'TRANSFORM_NO_COLUMNS' }),
  )
})

test('a table chosen by a wildcard may lack a column; one named exactly may not, at any version', () => {
  expect(stepOf(drop, { tables: ['public.*'], columns: ['email'] })).toBeNull()
  expect(() => stepOf(drop, { tables: ['public.users'], columns: ['email'] })).toThrow(
    expect.objectContaining({ code: 'TRANSFORM_COLUMN_MISSING' }),
  )
})

test('rename gives tables and columns other names, and columns may change names with each other', () => {
  const step = stepOf(rename, { to: 'crm_${schema}.u_${table}', columns: { name: 'balance', balance: 'name' } })
  expect(step?.to).toMatchObject({ schema: 'crm_public', name: 'u_users', id: users.id, key: [0] })
  expect(step?.to.columns.map((column) => `${column.id} ${column.name}`)).toEqual(['1 id', '2 balance', '3 name', '4 doc'])
  expect(() => stepOf(rename, { columns: { name: 'doc' } })).toThrow(expect.objectContaining({ code: 'TRANSFORM_COLUMN_TAKEN' }))
  expect(stepOf(rename, { to: 'public.users' })).toBeNull()
  for (const to of ['users', '.users', 'x.', '${db}.x', '${schema}']) expect(rename.config.safeParse({ to }).success, to).toBe(false)
  expect(rename.config.safeParse({}).success).toBe(false)
})

test('a renamed table keeps images; a narrowed one has narrowed ones, never decoded for it', () => {
  const [imaged] = (withImages(batchOf(1, insertOf(users, userRow(7, 'Ada')))) as ChangesBatch).changes // a batch of changes stays one
  const renamed = stepOf(rename, { to: 'a.b' })?.change(imaged as never) as Change & { image: RowImage; after: Row } // an insert
  expect(renamed.image).toBe((imaged as { image?: RowImage }).image)
  expect(renamed.after).toEqual(userRow(7, 'Ada'))

  const narrowed = stepOf(drop, { columns: ['name'] })?.change(imaged as never) as Change & { image: RowImage; after: Row } // an insert
  const { image } = narrowed
  expect(narrowed.after).toEqual([7n, '7.50', '{"n": 7}'])
  expect([image.value(1), image.isNull(2), image.row()]).toEqual(['7.50', false, narrowed.after])
  const out = Buffer.alloc(20)
  expect(out.toString('utf8', 0, image.write(1, out, 0))).toBe('7.50')
  const columns = image.reader.columns([image, image], [1])
  expect(columns.rowCount).toBe(2)
  expect(columns.vectors).toHaveLength(1)
  expect(image.reader.columns([image]).vectors).toHaveLength(3)
})
