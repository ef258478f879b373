import { describe, expect, test } from 'vitest'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { withImages } from '../testing/imaged-changes.ts'
import {
  batchOf,
  deleteOf,
  everyKindRows,
  everyKindTable,
  insertOf,
  messageAt,
  rowsAt,
  schemaAt,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
  type Act,
} from '../testing/fixtures.ts'
import type { Batch } from '../contracts/batch.ts'
import type { Format } from '../contracts/format.ts'
import { createPlainFormat } from '../testing/plain-format.ts'
import { messagesOf } from './messages-of.ts'
import { createTemplate } from './template.ts'
import { templateSchema } from './template-schema.ts'

const users = usersTable()
const onlyKey: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
const keyed: Format = { ...createPlainFormat(), change: () => [{ topic: null, key: '{"id":1}', value: '1', headers: null }] }
const telling: Format = { ...keyed, control: keyed.change as () => never[], after: keyed.change as () => never[] } // what it says is of no matter here

/** What the template makes of a batch's messages. */
const textsOf = (template: string, batch: Batch): string[] => {
  const { text } = createTemplate(template)
  return [...messagesOf(telling, batch)].map(text)
}
const textOf = (template: string, act: Act): string => textsOf(template, batchOf(1, act))[0] ?? ''

test.each([
  ['${row.nme}', 'TEMPLATE_COLUMN'],
  ['${schema}.${after.nme}', 'TEMPLATE_COLUMN'],
  ['${row.nme:-none}', null],
  ['${schema}.${row.id}', null],
])('%s is checked against a table before there is a row', (source, code) => {
  const check = () => createTemplate(source).check(users)
  if (code === null) expect(check).not.toThrow()
  else expect(check).toThrow(expect.objectContaining({ code }))
})

describe('a template', () => {
  test.each([
    ['${schema}.${table}', 'public.users'],
    ['shop-${database:-none}-${op}', 'shop-none-insert'],
    ['${database}', ''],
    ['${key}', '{"id":1}'],
    ['${after.name}/${row.id}', 'Ada/1'],
    ['${before.name:-}|${before.name:-new}', '|new'],
    ['${after.region:-eu}', 'eu'],
    ['plain', 'plain'],
    ['', ''],
    ['$${schema} and $${after.x', '${schema} and ${after.x'],
    ['$${schema}.${table} costs $5 $', '${schema}.users costs $5 $'],
    ['${after.name:-:-}', 'Ada'],
  ])('%s of an insert is %s', (template, text) => {
    expect(textOf(template, insertOf(users, [1n, 'Ada', '12.50', null]))).toBe(text)
  })

  test('names the database where the table says it', () => {
    expect(textOf('${database}', insertOf({ ...users, database: 'shop' }, userRow(1)))).toBe('shop')
  })

  test('gives nothing, or the default, for null, and never the word for it', () => {
    expect(textOf('[${after.doc}][${after.doc:-none}]', insertOf(users, [1n, 'Ada', '1.00', null]))).toBe('[][none]')
  })

  test('gives what a delete held by row, and refuses to invent what it does not hold', () => {
    const act = deleteOf(users, onlyKey)
    expect(textOf('${row.id} ${before.id} ${after.id:-gone} ${row.name:-unsent}', act)).toBe('1 1 gone unsent')
    expect(() => textOf('${after.id}', act)).toThrow(expect.objectContaining({ code: 'TEMPLATE_VALUE', kind: 'data' }))
    expect(() => textOf('${row.name}', act)).toThrow(/asks for \$\{row\.name\}, which a change of public\.users does not hold/)
  })

  test('takes an unchanged value from the old row by row alone', () => {
    const act = updateOf(users, [1n, 'Ada', '1.00', UNCHANGED], { before: [1n, 'Ada', '1.00', '{"k": 1}'] })
    expect(textOf('${row.doc}', act)).toBe('{"k": 1}')
    expect(() => textOf('${after.doc}', act)).toThrow(/TEMPLATE_VALUE|does not hold/)
    expect(textOf('${row.doc:-?}', updateOf(users, [1n, 'Ada', '1.00', UNCHANGED]))).toBe('?')
  })

  test('names the table that has no such column', () => {
    expect(() => textOf('${row.region}', insertOf(users, userRow(1)))).toThrow(
      expect.objectContaining({ code: 'TEMPLATE_COLUMN', kind: 'config', message: expect.stringContaining('public.users') }),
    )
  })

  test('follows a table through its versions', () => {
    const shorter: Table = { ...users, version: 'shorter', columns: [users.columns[1]!, users.columns[0]!] }
    const acts = [insertOf(users, [1n, 'a', null, null]), insertOf(shorter, ['b', 2n]), insertOf(users, [3n, 'c', null, null])]
    expect(textsOf('${row.name}', batchOf(1, ...acts)).slice(0, 3)).toEqual(['a', 'b', 'c'])
    expect(
      textsOf('${table}', batchOf(1, insertOf(usersTable({ name: 'a' }), userRow(1)), insertOf(users, userRow(1)))).slice(0, 2),
    ).toEqual(['a', 'users'])
  })

  test('of what is about no row gives the default, else nothing; of no table, words that make a topic', () => {
    expect(textOf('${op} ${row.id:-all}[${row.id}]', truncateOf(users))).toBe('truncate all[]')
    expect(textsOf('${schema}.${table} ${op} [${row.id}]', { ...batchOf(2), changes: [messageAt(2)] })).toEqual([
      'millrace.messages message []',
      'millrace.messages control []',
    ])
    expect(textsOf('${schema:-x}.${table:-y}', { ...batchOf(2), changes: [messageAt(2)] })[0]).toBe('x.y')
    expect(textsOf('${table} ${op} [${row.id}]', schemaAt(2, users))).toEqual(['users control []'])
  })

  test('gives a row read what it gives an insert', () => {
    const table = everyKindTable()
    for (const column of table.columns) {
      const template = `\${row.${column.name}}\${after.${column.name}}`
      const read = textsOf(template, rowsAt(1, { table, chunk: 'c', rows: everyKindRows() }))
      const inserted = textsOf(template, batchOf(1, ...everyKindRows().map((row) => insertOf(table, row))))
      expect(read).toEqual(inserted.slice(0, -1))
      expect(read.join()).not.toContain('undefined')
    }
  })

  test('reads the one value of a row that is still in its bytes', () => {
    const table = everyKindTable()
    const template = table.columns.map(({ name }) => `\${row.${name}:-}`).join('|')
    const batch = batchOf(1, ...everyKindRows().map((row) => insertOf(table, row)))
    const images = withImages(batch)
    expect(images.kind === 'changes' && images.changes.some((change) => 'image' in change && change.image)).toBe(true)
    expect(textsOf(template, images)).toEqual(textsOf(template, batch))
  })
})

describe('a mistake in a template', () => {
  test.each([
    ['${tabel}', 'holds ${tabel}, which is no name here; did you mean ${table}?; allowed: ${schema}, '],
    ['x.${aftr.id}', 'did you mean ${after.id}?'],
    ['${after.}', 'did you mean ${after.COLUMN}?'],
    ['${}', 'holds ${}, which is no name here'],
    ['${schema', 'opens ${ without closing it'],
  ])('%s is told with the names allowed', (template, text) => {
    expect(() => createTemplate(template)).toThrow(
      expect.objectContaining({ code: 'TEMPLATE_INVALID', message: expect.stringContaining(text) }),
    )
    expect(templateSchema().safeParse(template).error?.issues[0]?.message).toContain(text)
  })
})
