import { describe, expect, test } from 'vitest'
import { UNCHANGED, type LogicalType, type Row, type Table, type Value } from '../../contracts/table.ts'
import { formatConformance } from '../../testing/format-conformance.ts'
import {
  deleteOf,
  insertOf,
  messageAt,
  positionAt,
  sampleColumn,
  sampleTable,
  transactionOf,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
  type Act,
} from '../../testing/fixtures.ts'
import { definition } from './definition.ts'
import { createFieldsValues } from './fields-values.ts'
import { typeWords } from './record-values.ts'

const users = usersTable()
const create = () => createFieldsValues({ decimals: 'number' })
const format = create()
const lineOf = (act: Act): string => format.changeLine(transactionOf(1, [act])[0]!) // one act gives one change
const onlyKey: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
const HEAD = '{"transaction_id":701,"change_type":"table","table_name":"public.users"'
const FULL = '"fields":["id","name","balance","doc"],"types":["bigint","text","numeric","jsonb"]'

describe('the format fields-values conforms', () => {
  const withoutPlace = (line: unknown) => ({ ...(line as object), transaction_id: 0 })
  for (const { title, run } of formatConformance({ create, withoutPlace })) test(title, run)
})

describe('a record', () => {
  test('of an insert, and of a row read, has names, types and values side by side', () => {
    const rest = `"operation":"INSERT",${FULL},"values":[1,"Adidas2's",12.50,"{\\"k\\": 1}"]}\n`
    const row: Row = [1n, "Adidas2's", '12.50', '{"k": 1}']
    expect(lineOf(insertOf(users, row))).toBe(`${HEAD},${rest}`)
    expect(format.readLine(users, row, { position: positionAt(2), chunk: 'c' })).toBe(
      `{"transaction_id":null,"change_type":"table","table_name":"public.users",${rest}`,
    )
  })

  test('of a truncate', () => {
    expect(lineOf(truncateOf(users))).toBe(
      `${HEAD},"operation":"TRUNCATE","fields":[],"types":[],"values":[],"cascade":false,"restart_identity":false}\n`,
    )
  })

  test('of a delete holds what the log sent, nothing where it sent nothing', () => {
    expect(lineOf(deleteOf(users, onlyKey))).toBe(`${HEAD},"operation":"DELETE","fields":["id"],"types":["bigint"],"values":[1]}\n`)
    const keyless: Table = { ...users, key: [], identity: 'nothing', version: 'keyless' }
    const nothing: Row = [UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED]
    expect(lineOf(deleteOf(keyless, nothing))).toBe(`${HEAD},"operation":"DELETE","fields":[],"types":[],"values":[]}\n`)
  })

  test('of an update whose key changed has the old key beside the new row', () => {
    expect(lineOf(updateOf(users, userRow(2, 'Ada'), { before: onlyKey, oldKey: onlyKey }))).toBe(
      `${HEAD},"operation":"UPDATE",${FULL},"values":[2,"Ada",2.50,"{\\"n\\": 2}"],"old":{"fields":["id"],"types":["bigint"],"values":[1]}}\n`,
    )
  })

  test('of an update under a full identity has the old row', () => {
    expect(lineOf(updateOf(users, userRow(1, 'new'), { before: userRow(1, 'old') }))).toContain(`"old":{${FULL},"values":[1,"old",1.50,`)
  })

  test('leaves out what did not change and names it, and never gives a placeholder', () => {
    const line = lineOf(updateOf(users, [1n, 'Ada', null, UNCHANGED]))
    expect(line).toBe(
      `${HEAD},"operation":"UPDATE","fields":["id","name","balance"],"types":["bigint","text","numeric"],"values":[1,"Ada",null],"unchanged":["doc"]}\n`,
    )
  })

  test('of a logical message is in the same form', () => {
    expect(format.changeLine(messageAt(1))).toBe(
      '{"transaction_id":701,"change_type":"message","table_name":null,"operation":"MESSAGE","fields":["prefix","content"],"types":["text","bytea"],"values":["app","\\\\x68656c6c6f"]}\n',
    )
  })

  test('has the key as its key', () => {
    const keys = [insertOf(users, userRow(7)), deleteOf(users, onlyKey), truncateOf(users)].map(
      (act) => format.change(transactionOf(1, [act])[0]!)[0]?.key,
    )
    expect(keys).toEqual(['{"id":7}', '{"id":1}', null])
  })
})

describe('a value', () => {
  const shown = (type: LogicalType, value: Value, options = definition.config.parse({})) => {
    const table = sampleTable('t', [sampleColumn('id', { kind: 'int64' }), sampleColumn('v', type)])
    const line = createFieldsValues(options).changeLine(transactionOf(1, [insertOf(table, [1n, value])])[0]!)
    return line.slice(line.indexOf('"values":[1,') + 12, -3)
  }
  const decimal: LogicalType = { kind: 'decimal', precision: null, scale: null }

  test.each<[string, LogicalType, Value, string]>([
    ['a decimal has all its digits', decimal, '12345678901234567890.12', '12345678901234567890.12'],
    ['a decimal that is no number is a string', decimal, 'NaN', '"NaN"'],
    ['a bigint has all its digits', { kind: 'int64' }, 9223372036854775807n, '9223372036854775807'],
    ['a float may be infinite', { kind: 'float64' }, -Infinity, '"-Infinity"'],
    ['a boolean', { kind: 'boolean' }, true, 'true'],
    ['null', { kind: 'boolean' }, null, 'null'],
    ['an array of integers', { kind: 'array', of: { kind: 'int32' } }, [1, null, 3], '[1,null,3]'],
    ['an array of text', { kind: 'array', of: { kind: 'text', name: 'text' } }, ['a,b', '{}', 'NULL', null], '["a,b","{}","NULL",null]'],
    ['an array of decimals', { kind: 'array', of: decimal }, [['1.10'], ['2.20']], '[[1.10],[2.20]]'],
    ['an array of json', { kind: 'array', of: { kind: 'json', binary: true } }, ['{"a": 1}'], '["{\\"a\\": 1}"]'],
    ['quotes', { kind: 'text', name: 'text' }, `it''s "q" \\`, `"it''s \\"q\\" \\\\"`],
    ['bytes as Postgres prints them', { kind: 'bytes' }, Uint8Array.of(0, 255), '"\\\\x00ff"'],
    ['a timestamp as Postgres prints it', { kind: 'timestamptz' }, '2026-11-20T01:02:03.5Z', '"2026-11-20 01:02:03.5+00"'],
    ['a date before Christ', { kind: 'date' }, '-0043-03-15', '"0044-03-15 BC"'],
    ['hstore', { kind: 'map' }, { a: '1', b: null }, '{"a":"1","b":null}'],
  ])('%s', (_, type, value, expected) => {
    expect(shown(type, value)).toBe(expected)
  })

  test('decimals are strings where that is asked for', () => {
    expect(shown(decimal, '1.10', { decimals: 'string' })).toBe('"1.10"')
  })

  test.each([
    ['numeric(10,2)', 'numeric'],
    ['character varying(20)', 'character varying'],
    ['timestamp(3) with time zone', 'timestamp with time zone'],
    ['numeric(3,-2)[]', 'numeric[]'],
    ['interval day to second(3)', 'interval'],
    ['integer[]', 'integer[]'],
    ['"my(1)type"', '"my(1)type"'],
  ])('a type is named as test_decoding names it: %s is %s', (sourceType, words) => expect(typeWords(sourceType)).toBe(words))
})
