import { describe, expect, it } from 'vitest'
import type { LogicalType, Row, Value } from '../../contracts/table.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { column, decimal, duckdb, fileOf, rowsOf, TEXT } from './parquet.fixture.ts'

type Case = {
  name: string
  type: LogicalType
  /** DuckDB's type. */
  sql: string
  values: readonly Value[]
  /** What DuckDB prints, where it is not what we do. */
  printed?: readonly string[]
  /** What reading gives, where it is not what was written. */
  read?: readonly Value[]
}

const array = (of: LogicalType): LogicalType => ({ kind: 'array', of })
const LONG = 'x'.repeat(300_000)

const CASES: readonly Case[] = [
  { name: 'boolean', type: { kind: 'boolean' }, sql: 'BOOLEAN', values: [true, false] },
  { name: 'int16', type: { kind: 'int16' }, sql: 'SMALLINT', values: [0, -32768, 32767] },
  { name: 'int32', type: { kind: 'int32' }, sql: 'INTEGER', values: [0, -2147483648, 2147483647] },
  { name: 'uint32', type: { kind: 'uint32' }, sql: 'UINTEGER', values: [0, 2147483648, 4294967295] },
  { name: 'int64', type: { kind: 'int64' }, sql: 'BIGINT', values: [0n, -1n, -(2n ** 63n), 2n ** 63n - 1n] },
  {
    name: 'float32',
    type: { kind: 'float32' },
    sql: 'FLOAT',
    values: [1.1, -0, NaN, Infinity, -Infinity, 1e-45, 3.4028235e38],
    printed: ['1.100000023841858', '0', 'NaN', 'Infinity', '-Infinity', '1.401298464324817e-45', '3.4028234663852886e+38'],
  },
  {
    name: 'float64',
    type: { kind: 'float64' },
    sql: 'DOUBLE',
    values: [1.1, -0, NaN, Infinity, 5e-324, Number.MAX_VALUE],
    printed: ['1.1', '0', 'NaN', 'Infinity', '5e-324', '1.7976931348623157e+308'],
  },
  { name: 'decimal of 9 digits', type: decimal(9, 2), sql: 'DECIMAL(9,2)', values: ['0.00', '-0.01', '9999999.99', '-9999999.99'] },
  {
    name: 'decimal of 18 digits',
    type: decimal(18, 4),
    sql: 'DECIMAL(18,4)',
    values: ['0.0000', '-0.0001', '99999999999999.9999', '-99999999999999.9999', '-1234567.5000'],
  },
  {
    name: 'decimal of 19 digits',
    type: decimal(19, 0),
    sql: 'DECIMAL(19,0)',
    values: ['0', '-1', '9999999999999999999', '-9999999999999999999', '-4294967296', '4294967295'],
  },
  {
    name: 'decimal of 38 digits',
    type: decimal(38, 10),
    sql: 'DECIMAL(38,10)',
    values: ['0.0000000000', '-0.0000000001', `${'9'.repeat(28)}.${'9'.repeat(10)}`, `-${'9'.repeat(28)}.${'9'.repeat(10)}`],
  },
  { name: 'decimal of negative scale', type: decimal(2, -3), sql: 'DECIMAL(5,0)', values: ['12000', '-99000', '0'] },
  { name: 'decimal of more scale than precision', type: decimal(2, 5), sql: 'DECIMAL(5,5)', values: ['0.00012', '-0.00099'] },
  { name: 'decimal without bounds', type: decimal(null, null), sql: 'VARCHAR', values: ['1.50', 'NaN', '-Infinity', '9'.repeat(500)] },
  { name: 'decimal of 39 digits', type: decimal(39, 1), sql: 'VARCHAR', values: ['1.5'] },
  { name: 'text', type: TEXT, sql: 'VARCHAR', values: ['', 'a', 'ünï ☃ 🐘', '\n"\\', LONG] },
  { name: 'enum', type: { kind: 'text', name: 'mood', labels: ['sad', 'ok'] }, sql: 'VARCHAR', values: ['sad', 'ok'] },
  { name: 'unknown', type: { kind: 'unknown', name: 'box' }, sql: 'VARCHAR', values: ['(1,1),(0,0)'] },
  { name: 'bits', type: { kind: 'bits' }, sql: 'VARCHAR', values: ['', '0', '10101'] },
  { name: 'interval', type: { kind: 'interval' }, sql: 'VARCHAR', values: ['P1Y2M3DT4H5M6.789S', 'infinity'] },
  { name: 'timetz', type: { kind: 'timetz' }, sql: 'VARCHAR', values: ['01:02:03.5+05:30'] },
  { name: 'json', type: { kind: 'json', binary: true }, sql: 'JSON', values: ['{"a": [1, null]}', 'null', '"ü"'] },
  {
    name: 'uuid',
    type: { kind: 'uuid' },
    sql: 'UUID',
    values: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0123abcd-4567-89ab-cdef-0123456789ab'],
  },
  {
    name: 'bytes',
    type: { kind: 'bytes' },
    sql: 'BLOB',
    values: [new Uint8Array(0), Uint8Array.of(0, 255, 128)],
    printed: ['', '\\x00\\xFF\\x80'],
  },
  {
    name: 'date',
    type: { kind: 'date' },
    sql: 'DATE',
    values: ['1970-01-01', '2024-02-29', '-4712-01-01', '+5874897-12-31'],
    printed: ['1970-01-01', '2024-02-29', '4713-01-01 (BC)', '5874897-12-31'],
  },
  { name: 'time', type: { kind: 'time' }, sql: 'TIME', values: ['00:00:00', '23:59:59.999999', '24:00:00', '01:02:03.5'] },
  {
    name: 'timestamp',
    type: { kind: 'timestamp' },
    sql: 'TIMESTAMP',
    values: [
      '1970-01-01T00:00:00',
      '1969-12-31T23:59:59.999999',
      '-4712-01-01T00:00:00',
      '+294246-12-31T23:59:59.5',
      '9999-12-31T23:59:59.999999',
    ],
    printed: [
      '1970-01-01 00:00:00',
      '1969-12-31 23:59:59.999999',
      '4713-01-01 (BC) 00:00:00',
      '294246-12-31 23:59:59.5',
      '9999-12-31 23:59:59.999999',
    ],
  },
  {
    name: 'timestamptz',
    type: { kind: 'timestamptz' },
    sql: 'TIMESTAMP WITH TIME ZONE',
    values: ['2026-11-20T01:02:03.5Z', '0001-01-01T00:00:00Z'],
    printed: ['2026-11-20 01:02:03.5+00', '0001-01-01 00:00:00+00'],
  },
  {
    name: 'array of numbers',
    type: array({ kind: 'int32' }),
    sql: 'INTEGER[]',
    values: [[1, null, 3], [], [null], [-5]],
    printed: ['[1, NULL, 3]', '[]', '[NULL]', '[-5]'],
  },
  {
    name: 'array of text',
    type: array(TEXT),
    sql: 'VARCHAR[]',
    values: [['', 'a'], [], [null, null]],
    printed: [`['', 'a']`, '[]', '[NULL, NULL]'],
  },
  {
    name: 'array of decimals',
    type: array(decimal(20, 2)),
    sql: 'DECIMAL(20,2)[]',
    values: [['-1.50', null, '123456789012345678.99']],
    printed: ['[-1.50, NULL, 123456789012345678.99]'],
  },
  { name: 'array of bytes', type: array({ kind: 'bytes' }), sql: 'BLOB[]', values: [[Uint8Array.of(1), null]], printed: ['[\\x01, NULL]'] },
  {
    name: 'array of booleans',
    type: array({ kind: 'boolean' }),
    sql: 'BOOLEAN[]',
    values: [[true, false, null]],
    printed: ['[true, false, NULL]'],
  },
  {
    name: 'array of timestamps',
    type: array({ kind: 'timestamptz' }),
    sql: 'TIMESTAMP WITH TIME ZONE[]',
    values: [['2026-11-20T01:02:03.5Z']],
    printed: ['[2026-11-20 01:02:03.5+00]'],
  },
  {
    name: 'array of uuids',
    type: array({ kind: 'uuid' }),
    sql: 'UUID[]',
    values: [['0123abcd-4567-89ab-cdef-0123456789ab']],
    printed: [`[0123abcd-4567-89ab-cdef-0123456789ab]`],
  },
  { name: 'array of json', type: array({ kind: 'json', binary: false }), sql: 'JSON[]', values: [['{}', null]], printed: [`['{}', NULL]`] },
  {
    name: 'array of maps',
    type: array({ kind: 'map' }),
    sql: 'JSON[]',
    values: [[{ a: 'b' }, null]],
    printed: [`['{"a":"b"}', NULL]`],
    read: [['{"a":"b"}', null]],
  },
  {
    name: 'map',
    type: { kind: 'map' },
    sql: 'JSON',
    values: [{ a: '1', b: null }, {}],
    printed: ['{"a":"1","b":null}', '{}'],
    read: ['{"a":"1","b":null}', '{}'],
  },
  {
    name: 'composite',
    type: {
      kind: 'composite',
      name: 'pair',
      fields: [
        { name: 'n', type: { kind: 'int64' } },
        { name: 't', type: TEXT },
      ],
    },
    sql: 'JSON',
    values: [{ n: 9007199254740993n, t: 'x' }],
    printed: ['{"n":9007199254740993,"t":"x"}'],
    read: ['{"n":9007199254740993,"t":"x"}'],
  },
]

describe.each(CASES)('$name', ({ type, sql, values, printed, read }) => {
  const columns = [column('id', { kind: 'int32' }), column('v', type)]
  const rows: Row[] = values.flatMap((value, at) => [
    [2 * at, value],
    [2 * at + 1, null],
  ])
  const allNull: Row[] = Array.from({ length: 10 }, (_, at) => [at, null])

  it('is read back as it was written, NULLs between', async () => {
    const expected = rows.map(([id, value]) => [id, value === null ? null : (read?.[(id as number) / 2] ?? value)])
    for (const compression of ['zstd', 'gzip', 'none'] as const)
      expect(await rowsOf(fileOf(columns, [rows], { compression }))).toEqual(expected)
    expect(
      await rowsOf(
        fileOf(
          columns,
          rows.map((row) => [row]),
        ),
      ),
    ).toEqual(expected)
  })

  it('is DuckDB’s type and value', async () => {
    const bytes = fileOf(columns, [rows])
    expect((await duckdb('DESCRIBE FROM $FILE', bytes))[1]?.[1]).toBe(sql)
    const shown = await duckdb('SELECT v FROM $FILE ORDER BY id', bytes)
    expect(shown.map(([value]) => value)).toEqual(values.flatMap((value, at) => [printed?.[at] ?? String(value), null]))
  })

  it('may be NULL everywhere, and may have no rows', async () => {
    expect(await rowsOf(fileOf(columns, [allNull]))).toEqual(allNull)
    expect(await duckdb('SELECT count(*), count(v) FROM $FILE', fileOf(columns, [allNull]))).toEqual([['10', '0']])
    const empty = fileOf(columns, [])
    expect(await rowsOf(empty)).toEqual([])
    expect((await duckdb('DESCRIBE FROM $FILE', empty)).map((row) => row[1])).toEqual(['INTEGER', sql])
  })

  it('is the same many times over, in many pages and row groups', async () => {
    const many = Array.from({ length: Math.ceil(700 / rows.length) }, () => rows.filter(([, value]) => value !== LONG)).flat()
    const bytes = fileOf(columns, [many.slice(0, 333), many.slice(333)], { rowGroupBytes: 3000 })
    const expected = many.map(([id, value]) => [id, value === null ? null : (read?.[(id as number) / 2] ?? value)])
    expect(await rowsOf(bytes)).toEqual(expected)
    const [counted] = await duckdb('SELECT count(*), count(v) FROM $FILE', bytes)
    expect(counted).toEqual([String(many.length), String(many.filter(([, value]) => value !== null).length)])
  })
})

it('a list that is no plain one is refused, NULL or JSON, as the policy says', async () => {
  const columns = [column('l', array({ kind: 'int32' }))]
  const nested: Row[] = [
    [[1]],
    [
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [withLowerBounds([5], [0])],
  ]
  expect(() => fileOf(columns, [nested])).toThrow(expect.objectContaining({ code: 'PARQUET_VALUE' }))
  expect(() => fileOf(columns, [nested], { misfit: 'clamp' })).toThrow(expect.objectContaining({ code: 'PARQUET_VALUE' }))
  expect(await rowsOf(fileOf(columns, [nested], { misfit: 'null' }))).toEqual([[[1]], [null], [null]])
  expect(await rowsOf(fileOf(columns, [nested], { misfit: 'text' }))).toEqual([
    ['[1]'],
    ['[[1,2],[3,4]]'],
    ['{"lowerBounds":[0],"values":[5]}'],
  ])
})
