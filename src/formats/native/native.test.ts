import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UNCHANGED, type LogicalType, type Row, type Table, type Value } from '../../contracts/table.ts'
import { formatConformance } from '../../testing/format-conformance.ts'
import {
  deleteOf,
  everyKindRows,
  everyKindTable,
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
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { createNative } from './native.ts'

const users = usersTable()
const native = createNative()
const lineOf = (act: Act): string => native.changeLine(transactionOf(1, [act])[0]!) // one act gives one change
const AT = { position: `${positionAt(9)}:00000000000A`, chunk: 'public.users/g1/0' }
const PLACE = '"position":"0000000000000100","ordinal":0,"xid":701,"commitTime":"2026-09-21T14:13:21.123456Z"}\n'

/** One column after the key, holding one value. */
function shown(type: LogicalType, value: Value): string {
  const line = lineOf(insertOf(tableWith(type), [1n, value]))
  return line.slice(line.indexOf('"v":') + 4, line.indexOf('},"unchanged"'))
}

function tableWith(type: LogicalType): Table {
  return sampleTable('t', [sampleColumn('id', { kind: 'int64' }), sampleColumn('v', type)])
}

describe('the native format conforms', () => {
  const withoutPlace = (line: unknown) => ({ ...(line as object), op: 0, position: 0, ordinal: 0, xid: 0, commitTime: 0, chunk: 0 })
  for (const { title, run } of formatConformance({ create: createNative, withoutPlace, tells: ['truncate', 'message'], leavesOut: [] }))
    test(title, run)
})

describe('a line', () => {
  test('of an insert holds its members in the order promised', () => {
    expect(lineOf(insertOf(users, [1n, 'Ada', '12.50', '{"k":1}']))).toBe(
      `{"op":"insert","table":"public.users","key":{"id":1},"before":null,"after":{"id":1,"name":"Ada","balance":"12.50","doc":{"k":1}},"unchanged":[],${PLACE}`,
    )
  })

  test('of a row read has its chunk and no transaction', () => {
    expect(native.readLine(users, [1n, null, null, null], AT)).toBe(
      '{"op":"read","table":"public.users","key":{"id":1},"before":null,"after":{"id":1,"name":null,"balance":null,"doc":null},"unchanged":[],"position":"0000000000000900","ordinal":null,"xid":null,"commitTime":null,"chunk":"public.users/g1/0"}\n',
    )
  })

  test('of an update names what was left unchanged', () => {
    expect(lineOf(updateOf(users, [1n, 'Ada', '1.00', UNCHANGED]))).toBe(
      `{"op":"update","table":"public.users","key":{"id":1},"before":null,"after":{"id":1,"name":"Ada","balance":"1.00"},"unchanged":["doc"],${PLACE}`,
    )
  })

  test('of an update whose key changed has the old key', () => {
    const old: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
    expect(lineOf(updateOf(users, userRow(2, 'Ada'), { before: old, oldKey: old }))).toBe(
      `{"op":"update","table":"public.users","key":{"id":2},"oldKey":{"id":1},"before":{"id":1},"after":{"id":2,"name":"Ada","balance":"2.50","doc":{"n": 2}},"unchanged":[],${PLACE}`,
    )
  })

  test('of a delete holds what the log sent', () => {
    expect(lineOf(deleteOf(users, [1n, UNCHANGED, UNCHANGED, UNCHANGED]))).toBe(
      `{"op":"delete","table":"public.users","key":{"id":1},"before":{"id":1},"after":null,"unchanged":[],${PLACE}`,
    )
  })

  test('of a truncate and of a message', () => {
    expect(lineOf(truncateOf(users))).toBe(`{"op":"truncate","table":"public.users","cascade":false,"restartIdentity":false,${PLACE}`)
    expect(native.changeLine(messageAt(1))).toBe(`{"op":"message","prefix":"app","content":"aGVsbG8=","transactional":true,${PLACE}`)
    expect(native.changeLine({ ...messageAt(1), transactional: false, tx: null })).toContain('"xid":null,"commitTime":null}')
  })

  test('of a table without a key has none', () => {
    const keyless: Table = { ...users, key: [], identity: 'full', version: 'keyless' }
    expect(lineOf(insertOf(keyless, userRow(1)))).toContain('"key":null,')
    expect(lineOf(deleteOf(keyless, userRow(1)))).toContain('"key":null,')
    expect(native.change(transactionOf(1, [insertOf(keyless, userRow(1))])[0]!)[0]?.key).toBeNull()
  })

  test('takes a key that was not sent from the old row', () => {
    const line = lineOf(updateOf(users, [UNCHANGED, 'x', null, null], { before: [7n, UNCHANGED, UNCHANGED, UNCHANGED] }))
    expect(line).toContain('"key":{"id":7},"before":{"id":7},"after":{"name":"x","balance":null,"doc":null},"unchanged":["id"]')
  })

  test('keeps the order of the key, not of the columns', () => {
    const table = sampleTable('t', [sampleColumn('a', { kind: 'int32' }), sampleColumn('b', { kind: 'text', name: 'text' })], {
      key: [1, 0],
    })
    expect(lineOf(insertOf(table, [1, 'x']))).toContain('"key":{"b":"x","a":1},')
  })

  test('is right for a table of 1600 columns', () => {
    const table = sampleTable(
      'wide',
      Array.from({ length: 1600 }, (_, at) => sampleColumn(`c${at}`, { kind: 'int32' })),
    )
    const { after } = JSON.parse(
      lineOf(
        insertOf(
          table,
          Array.from({ length: 1600 }, (_, at) => at),
        ),
      ),
    ) as { after: object }
    expect(Object.values(after)).toEqual(Array.from({ length: 1600 }, (_, at) => at))
  })

  test.each(['__proto__', 'a"b', "it's", '\\', '${x}', '`', '\u2028', '</script>', 'key\n'])('holds whole a column named %j', (name) => {
    const table = sampleTable(name, [sampleColumn(name, { kind: 'int64' }), sampleColumn('v', { kind: 'text', name: 'text' })])
    for (const row of [
      [1n, 'x'],
      [1n, UNCHANGED],
    ] satisfies Row[]) {
      const parsed = JSON.parse(lineOf(insertOf(table, row))) as { table: string; key: object; after: object }
      expect(parsed.table).toBe(`public.${name}`)
      expect(Object.entries(parsed.key)).toEqual([[name, 1]])
      expect(Object.keys(parsed.after)[0]).toBe(name)
    }
  })
})

describe('a value', () => {
  const text: LogicalType = { kind: 'text', name: 'text' }
  const point: LogicalType = {
    kind: 'composite',
    name: 'p',
    fields: [
      { name: 'x', type: { kind: 'int64' } },
      { name: 'j', type: { kind: 'json', binary: true } },
    ],
  }

  test.each<[string, LogicalType, Value, string]>([
    ['int64 with all digits', { kind: 'int64' }, -9223372036854775808n, '-9223372036854775808'],
    ['minus zero', { kind: 'float64' }, -0, '-0'],
    ['zero', { kind: 'float64' }, 0, '0'],
    ['a large float', { kind: 'float64' }, 1e300, '1e+300'],
    ['NaN', { kind: 'float32' }, NaN, '"NaN"'],
    ['infinity', { kind: 'float64' }, -Infinity, '"-Infinity"'],
    ['a decimal', { kind: 'decimal', precision: null, scale: null }, '1.10', '"1.10"'],
    ['false', { kind: 'boolean' }, false, 'false'],
    ['null', { kind: 'boolean' }, null, 'null'],
    ['text to escape', text, 'a"b\\c\n\u0001', '"a\\"b\\\\c\\n\\u0001"'],
    ['a lone surrogate', text, 'a\ud800', '"a\\ud800"'],
    ['an emoji', text, '🚀', '"🚀"'],
    ['bytes', { kind: 'bytes' }, Uint8Array.of(0, 255).subarray(1), '"/w=="'],
    ['json as printed', { kind: 'json', binary: false }, '{"a" : 1e400,\r\n"a":2}', '{"a" : 1e400,  "a":2}'],
    [
      'nested arrays',
      { kind: 'array', of: { kind: 'int64' } },
      [
        [1n, null],
        [3n, 4n],
      ],
      '[[1,null],[3,4]]',
    ],
    ['an array of text', { kind: 'array', of: text }, ['a"', '', null], '["a\\"","",null]'],
    ['an array of json', { kind: 'array', of: { kind: 'json', binary: true } }, ['{"a": 1}', '[1]'], '[{"a": 1},[1]]'],
    ['an empty array', { kind: 'array', of: text }, [], '[]'],
    [
      'lower bounds',
      { kind: 'array', of: { kind: 'int32' } },
      withLowerBounds([[1], [2]], [0, -3]),
      '{"lowerBounds":[0,-3],"values":[[1],[2]]}',
    ],
    ['hstore', { kind: 'map' }, { 'a"': '1', b: null }, '{"a\\"":"1","b":null}'],
    ['a composite', point, { x: 5n, j: '{"k": 1}' }, '{"x":5,"j":{"k": 1}}'],
    ['an infinite date', { kind: 'date' }, 'infinity', '"infinity"'],
  ])('%s', (_, type, value, expected) => {
    expect(shown(type, value)).toBe(expected)
    const slow = lineOf(updateOf(threeColumns(type), [1n, value, UNCHANGED]))
    expect(slow).toContain(`"v":${expected}}`)
  })

  function threeColumns(type: LogicalType): Table {
    return sampleTable('t', [sampleColumn('id', { kind: 'int64' }), sampleColumn('v', type), sampleColumn('toast', text)])
  }

  test('of any text is the same after parsing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (any) => {
        expect(JSON.parse(shown(text, any))).toBe(any)
      }),
    )
  })

  test('of JSON null is told from SQL NULL', () => {
    const json = tableWith({ kind: 'json', binary: false })
    expect(lineOf(insertOf(json, [1n, ' null\n']))).toContain('"after":{"id":1,"v": null },"unchanged":[],"jsonNull":["v"],"position"')
    expect(lineOf(insertOf(json, [1n, null]))).not.toContain('jsonNull')
    expect(lineOf(insertOf(json, [1n, '"null"']))).not.toContain('jsonNull')
    expect(lineOf(deleteOf(json, [1n, 'null']))).toContain('"after":null,"unchanged":[],"jsonNull":["v"],')
    const both = lineOf(updateOf(json, [1n, '{}'], { before: [1n, 'null'] }))
    expect(both).toContain('"unchanged":[],"jsonNullBefore":["v"],"position"')
  })

  test('of JSON null inside an array or a composite is named by its path', () => {
    const array = tableWith({ kind: 'array', of: { kind: 'json', binary: true } })
    expect(lineOf(insertOf(array, [1n, ['1', 'null', null]]))).toContain('"v":[1,null,null]},"unchanged":[],"jsonNull":[["v",1]],')
    expect(lineOf(insertOf(array, [1n, [['1'], ['null']]]))).toContain('"jsonNull":[["v",1,0]],')
    expect(lineOf(insertOf(tableWith(point), [1n, { x: null, j: 'null' }]))).toContain('"jsonNull":[["v","j"]],')
    expect(lineOf(insertOf(array, [1n, ['1', null]]))).not.toContain('jsonNull')
  })
})

describe('the published schema', () => {
  const path = new URL('../../../docs/reference/native.schema.json', import.meta.url)
  const validate = new Ajv2020({ allowUnionTypes: true, formats: {} }).compile(JSON.parse(readFileSync(path, 'utf8')) as object)

  const full = userRow(1)
  const onlyKey: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
  const acts: Act[] = [
    ...everyKindRows().map((row) => insertOf(everyKindTable(), row)),
    updateOf(users, full),
    updateOf(users, [2n, 'x', null, UNCHANGED], { before: onlyKey, oldKey: onlyKey }),
    updateOf(users, [1n, 'x', null, 'null'], { before: [1n, 'x', null, 'null'] }),
    deleteOf(users, onlyKey),
    deleteOf({ ...users, key: [], version: 'keyless' }, full),
    truncateOf(users),
  ]
  const lines = [
    ...acts.map(lineOf),
    native.changeLine(messageAt(1)),
    native.changeLine({ ...messageAt(1), tx: null }),
    ...everyKindRows().map((row) => native.readLine(everyKindTable(), row, AT)),
  ]

  test.each(lines.map((line, at) => [(JSON.parse(line) as { op: string }).op, at] as const))('takes a line of %s (%i)', (_, at) => {
    expect(validate(JSON.parse(lines[at]!)), JSON.stringify(validate.errors)).toBe(true) // at < length
  })

  test('refuses a line that lacks a member, has another or has one of another form', () => {
    const line = JSON.parse(lineOf(insertOf(users, full))) as Record<string, unknown>
    for (const wrong of [
      { ...line, position: '0/1' },
      { ...line, more: 1 },
      { ...line, op: 'upsert' },
      { ...line, after: null },
    ]) {
      expect(validate(wrong)).toBe(false)
    }
    delete line.ordinal
    expect(validate(line)).toBe(false)
  })
})
