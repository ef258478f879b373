import avro from 'avsc'
import { describe, expect, test } from 'vitest'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { formatConformance } from '../../testing/format-conformance.ts'
import {
  batchOf,
  deleteOf,
  everyKindRows,
  everyKindTable,
  insertOf,
  messageAt,
  positionAt,
  sampleColumn,
  sampleTable,
  schemaAt,
  snapshotBeginAt,
  transactionOf,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
  type Act,
} from '../../testing/fixtures.ts'
import { messageId, messagesOf } from '../../messages/messages-of.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { definition } from './definition.ts'
import { createModification } from './modification.ts'

const users = usersTable()
const create = () => createModification({ schema: 'spec' })
const format = create()
const lineOf = (act: Act): string => format.changeLine(transactionOf(1, [act])[0]!) // one act gives one change
const onlyKey: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
const HEAD = '{"timestamp":"2026-09-21T14:13:21.123456Z","namespace":"public","name":"users","lsn":256,"sequence":1'
const AFTER = '{"id":1,"name":"Ada","balance":"12.50","doc":"{\\"k\\": 1}"}'
const row: Row = [1n, 'Ada', '12.50', '{"k": 1}']
const AT = { position: positionAt(2), chunk: 'c' }

describe('the format modification conforms', () => {
  const withoutPlace = (line: unknown) => ({ ...(line as object), timestamp: 0, lsn: 0, sequence: 0 })
  for (const { title, run } of formatConformance({ create, withoutPlace })) test(title, run)
})

describe('a modification', () => {
  test('of an insert has no before, of a row read no place in the log', () => {
    expect(lineOf(insertOf(users, row))).toBe(`${HEAD},"before":null,"after":${AFTER}}\n`)
    expect(format.readLine(users, row, AT)).toBe(
      `{"timestamp":null,"namespace":"public","name":"users","lsn":null,"sequence":null,"before":null,"after":${AFTER}}\n`,
    )
  })

  test('of an update always has a before: what the log sent, else its key', () => {
    expect(lineOf(updateOf(users, row))).toBe(`${HEAD},"before":{"id":1},"after":${AFTER}}\n`)
    expect(lineOf(updateOf(users, row, { before: userRow(1, 'old') }))).toContain('"before":{"id":1,"name":"old","balance":"1.50",')
    const old: Row = [9n, UNCHANGED, UNCHANGED, UNCHANGED]
    expect(lineOf(updateOf(users, row, { before: old, oldKey: old }))).toContain('"before":{"id":9},"after":{"id":1,')
  })

  test('of a delete has no after', () => {
    expect(lineOf(deleteOf(users, onlyKey))).toBe(`${HEAD},"before":{"id":1},"after":null}\n`)
  })

  test('names what was left unchanged, and gives no null for it', () => {
    expect(lineOf(updateOf(users, [1n, 'Ada', null, UNCHANGED]))).toBe(
      `${HEAD},"before":{"id":1},"after":{"id":1,"name":"Ada","balance":null},"unchanged":["doc"]}\n`,
    )
  })

  test('of a truncate and of a message means no row', () => {
    expect(lineOf(truncateOf(users))).toBe(`${HEAD},"before":null,"after":null,"truncate":{"cascade":false,"restartIdentity":false}}\n`)
    expect(format.changeLine({ ...messageAt(1), tx: null, transactional: false })).toBe(
      '{"timestamp":null,"namespace":null,"name":null,"lsn":256,"sequence":1,"before":null,"after":null,"message":{"prefix":"app","content":"aGVsbG8=","transactional":false}}\n',
    )
  })

  test('has an exact place past 2^53', () => {
    const change = { ...transactionOf(1, [insertOf(users, row)])[0]!, tx: { position: 'FFFFFFFFFFFFFFFF', xid: 1, commitTimeUs: 0 } }
    expect(format.changeLine(change)).toContain('"lsn":18446744073709551615,')
  })
})

describe('a schema', () => {
  const schemaOf = (table: Table, options: Parameters<typeof createModification>[0]) =>
    createModification(options).control?.(schemaAt(3, table))[0]

  test('tells columns with the source’s types, and what is the key', () => {
    expect(schemaOf(users, { schema: 'spec' })).toEqual({
      topic: null,
      key: '{"namespace":"public","name":"users"}',
      value:
        '{"timestamp":null,"namespace":"public","name":"users","lsn":768,"spec":{"columns":[{"key":true,"name":"id","type":20,"modifier":-1},{"key":false,"name":"name","type":25,"modifier":-1},{"key":false,"name":"balance","type":1700,"modifier":655366},{"key":false,"name":"doc","type":3802,"modifier":-1}]}}',
      headers: null,
    })
  })

  test('goes before the rows, where it is asked for to a topic of its own, with an id of its own', () => {
    const told = createModification(definition.config.parse({ schemaTopic: '${schema}.${table}.schema' }))
    const batches = [schemaAt(1, users), snapshotBeginAt(1, users, 'g1'), batchOf(1, insertOf(users, row))]
    const messages = batches.flatMap((batch) => [...messagesOf(told, batch)])
    expect(messages.map(({ message }) => message.topic)).toEqual(['public.users.schema', null])
    expect(new Set(messages.map(messageId)).size).toBe(2)
    expect(told.lines?.(messages.map(({ message }) => message))).toMatch(/^\{"timestamp":null,.*"spec":.*\n\{"timestamp":"2026.*\n$/)
  })

  test('in Avro puts null first, as Avro asks', () => {
    const message = schemaOf(sampleTable('example', users.columns.slice(0, 2)), { schema: 'avro' })
    expect(JSON.parse(message?.value ?? '')).toEqual({
      timestamp: null,
      namespace: 'public',
      name: 'example',
      lsn: 768,
      schema: {
        namespace: 'public.example',
        type: 'record',
        name: 'value',
        fields: [
          { name: 'id', type: ['null', 'long'], default: null },
          { name: 'name', type: ['null', 'string'], default: null },
        ],
      },
    })
  })

  const typeOf = (table: Table) => {
    const { schema } = JSON.parse(schemaOf(table, { schema: 'avro' })?.value ?? '') as { schema: avro.Schema }
    return avro.Type.forSchema(schema)
  }
  const afterOf = (table: Table, values: Row) =>
    (JSON.parse(createModification({ schema: 'avro' }).changeLine(transactionOf(1, [insertOf(table, values)])[0]!)) as { after: object })
      .after

  test('in Avro describes every kind of value, as Avro’s own library reads it', () => {
    const all = everyKindTable()
    // Numbers past 2^53 are exact in the text; JSON.parse rounds them, so they are not asked about here.
    const columns = all.columns.filter(({ type }) => type.kind !== 'int64' && !(type.kind === 'array' && type.of.kind === 'int64'))
    const table = sampleTable('every_kind', columns)
    const type = typeOf(table)
    const rows = everyKindRows().map((values) => values.filter((_, index) => columns.includes(all.columns[index]!))) // rows align with columns
    for (const values of rows) {
      const after = afterOf(table, values)
      expect(type.isValid(after, { errorHook: (path) => expect.fail(`${path.join('.')} is not described`) })).toBe(true)
      expect(type.fromBuffer(type.toBuffer(after))).toMatchObject({ words: after['words' as keyof typeof after] })
    }
    expect(type.isValid({ ...afterOf(table, rows[0]!), flag: 'no' })).toBe(false) // there are four
  })

  test('in Avro describes arrays of any shape and names of any kind', () => {
    const columns = [
      sampleColumn('id', { kind: 'int64' }),
      sampleColumn('a-b', { kind: 'array', of: { kind: 'int32' } }),
      sampleColumn('a b', { kind: 'array', of: { kind: 'json', binary: true } }),
      sampleColumn('1st', { kind: 'float64' }),
    ]
    const table = sampleTable('tëst', columns, { schema: 'my schema' })
    const { schema } = JSON.parse(schemaOf(table, { schema: 'avro' })?.value ?? '') as {
      schema: { namespace: string; fields: { name: string; column?: string }[] }
    }
    expect(schema.namespace).toBe('my_schema.t_st')
    expect(schema.fields.map(({ name, column }) => [name, column])).toEqual([
      ['id', undefined],
      ['a_b', 'a-b'],
      ['a_b_2', 'a b'],
      ['_1st', '1st'],
    ])
    const type = typeOf(table)
    const values = afterOf(table, [1n, withLowerBounds([1, 2], [0]), ['{"a": 1}', null], NaN]) as Record<string, unknown>
    const renamed = Object.fromEntries(schema.fields.map(({ name, column }) => [name, values[column ?? name]]))
    expect(renamed).toEqual({ id: 1, a_b: '{"lowerBounds":[0],"values":[1,2]}', a_b_2: ['{"a": 1}', null], _1st: 'NaN' })
    expect(type.isValid(renamed)).toBe(true)
    expect(afterOf(table, [1n, [[1], [2]], null, 1])).toMatchObject({ 'a-b': '[[1],[2]]' })
  })
})
