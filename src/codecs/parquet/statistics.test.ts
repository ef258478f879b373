import fc from 'fast-check'
import { parquetMetadata, type ColumnMetaData } from 'hyparquet'
import { expect, it } from 'vitest'
import type { LogicalType, Row, Value } from '../../contracts/table.ts'
import { column, decimal, duckdb, fileOf, TEXT } from './parquet.fixture.ts'

type Ordered = { name: string; type: LogicalType; /** Rising. */ values: readonly Value[]; literal(value: Value): string }

const quoted = (type: string) => (value: Value) => `'${String(value)}'::${type}`

const ORDERED: readonly Ordered[] = [
  { name: 'int16', type: { kind: 'int16' }, values: [-32768, -1, 0, 1, 32767], literal: String },
  { name: 'int32', type: { kind: 'int32' }, values: [-2147483648, -1, 0, 1, 2147483647], literal: String },
  { name: 'uint32', type: { kind: 'uint32' }, values: [0, 1, 2147483647, 2147483648, 4294967295], literal: String },
  {
    name: 'int64',
    type: { kind: 'int64' },
    values: [-(2n ** 63n), -4294967296n, -1n, 0n, 4294967295n, 4294967296n, 2n ** 63n - 1n],
    literal: quoted('BIGINT'),
  },
  { name: 'float32', type: { kind: 'float32' }, values: [-Infinity, -1.5, -0, 1e-45, 2.5, Infinity], literal: quoted('FLOAT') },
  { name: 'float64', type: { kind: 'float64' }, values: [-Infinity, -1.5, 0, 5e-324, 2.5, Infinity], literal: quoted('DOUBLE') },
  {
    name: 'decimal of 9 digits',
    type: decimal(9, 2),
    values: ['-100.00', '-0.01', '0.00', '0.01', '100.00'],
    literal: quoted('DECIMAL(9,2)'),
  },
  {
    name: 'decimal of 18 digits',
    type: decimal(18, 2),
    values: ['-50000000000.00', '-0.01', '0.00', '50000000000.00'],
    literal: quoted('DECIMAL(18,2)'),
  },
  {
    name: 'decimal of 38 digits',
    type: decimal(38, 0),
    values: ['-99999999999999999999999', '-1', '0', '1', '99999999999999999999999'],
    literal: quoted('DECIMAL(38,0)'),
  },
  { name: 'text', type: TEXT, values: ['', 'A', 'a', 'aa', 'ab', 'b', 'ü', 'Ω', '☃', '🐘'], literal: quoted('VARCHAR') },
  {
    name: 'date',
    type: { kind: 'date' },
    values: ['-4712-01-01', '1969-12-31', '1970-01-01', '2026-11-20'],
    literal: (value) => (value === '-4712-01-01' ? `'4713-01-01 (BC)'::DATE` : quoted('DATE')(value)),
  },
  { name: 'time', type: { kind: 'time' }, values: ['00:00:00', '00:00:00.000001', '23:59:59', '24:00:00'], literal: quoted('TIME') },
  {
    name: 'timestamp',
    type: { kind: 'timestamp' },
    values: ['0001-01-01T00:00:00', '1969-12-31T23:59:59.999999', '1970-01-01T00:00:00', '2026-11-20T00:00:00'],
    literal: quoted('TIMESTAMP'),
  },
  {
    name: 'timestamptz',
    type: { kind: 'timestamptz' },
    values: ['1969-12-31T23:59:59.999999Z', '1970-01-01T00:00:00Z', '2026-11-20T00:00:00Z'],
    literal: quoted('TIMESTAMPTZ'),
  },
  {
    name: 'uuid',
    type: { kind: 'uuid' },
    values: [
      '00000000-0000-0000-0000-000000000000',
      '7fffffff-ffff-ffff-ffff-ffffffffffff',
      '80000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ],
    literal: quoted('UUID'),
  },
  { name: 'boolean', type: { kind: 'boolean' }, values: [false, true], literal: String },
]

it.each(ORDERED)('of $name let DuckDB leave row groups out without leaving rows out', async ({ type, values, literal }) => {
  // Each value in a row group of its own, so that a wrong bound hides it.
  const rows = values.flatMap((value, at) => [
    [at, value],
    [-1, null],
  ])
  const bytes = fileOf(
    [column('n', { kind: 'int32' }), column('v', type)],
    rows.map((row) => [row]),
    { rowGroupBytes: 1 },
  )
  expect(parquetMetadata(Uint8Array.from(bytes)).row_groups).toHaveLength(rows.length)
  const wrong = []
  for (const [at, value] of values.entries()) {
    const asked = literal(value)
    for (const [operator, expected] of [
      ['=', [at]],
      ['<=', values.map((_, n) => n).slice(0, at + 1)],
      ['>', values.map((_, n) => n).slice(at + 1)],
    ] as const) {
      const found = (await duckdb(`SELECT n FROM $FILE WHERE v ${operator} ${asked} ORDER BY n`, bytes)).flat().map(Number)
      if (found.join() !== expected.join()) wrong.push({ operator, asked, found })
    }
  }
  expect(wrong).toEqual([])
})

it.each(ORDERED)('of $name are the least and the greatest, in whatever order and pages they come', async ({ type, values }) => {
  // DuckDB shows no infinite bounds.
  const finite = values.filter((value) => typeof value !== 'number' || Number.isFinite(value))
  const rows: Row[] = [...finite.slice(1), null, ...finite, null].map((value) => [value])
  for (const batches of [[rows], rows.map((row) => [row]), [rows.toReversed()]]) {
    const [shown] = await duckdb(
      'SELECT stats_min_value, stats_max_value, stats_null_count FROM parquet_metadata($FILE)',
      fileOf([column('v', type)], batches),
    )
    const [least, greatest] = await duckdb('SELECT min(v)::VARCHAR, max(v)::VARCHAR FROM $FILE', fileOf([column('v', type)], [rows])).then(
      (found) => found[0] ?? [],
    )
    // A zero of either sign is the least and the greatest zero.
    const plain = (text: string | null | undefined) => (text === '-0.0' ? '0.0' : text === '0.0' ? '-0.0' : text)
    expect([shown?.[0], plain(shown?.[0])]).toContain(least)
    expect([shown?.[1], plain(shown?.[1])]).toContain(greatest)
    expect(shown?.[2]).toBe('2')
  }
})

function chunkOf(type: LogicalType, values: readonly Value[]): ColumnMetaData {
  const bytes = fileOf([column('v', type)], [values.map((value) => [value])])
  return parquetMetadata(Uint8Array.from(bytes), { parsers: { stringFromBytes: (raw) => raw } }).row_groups[0]?.columns[0]
    ?.meta_data as ColumnMetaData
}

it('are the extremes of any values, near to each other or far', () => {
  const near = fc.oneof(
    fc.bigInt({ min: -5n, max: 5n }),
    fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  )
  fc.assert(
    fc.property(fc.array(near, { minLength: 1, maxLength: 20 }), (values) => {
      const { statistics } = chunkOf({ kind: 'int64' }, values)
      const sorted = values.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0))
      expect([statistics?.min_value, statistics?.max_value]).toEqual([sorted[0], sorted.at(-1)])
    }),
  )
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\x7f', 'ü', '🐘'), maxLength: 12 })
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (values) => {
      const { statistics } = chunkOf(TEXT, values)
      const sorted = values.map((value) => Buffer.from(value)).toSorted(Buffer.compare)
      expect([statistics?.min_value, statistics?.max_value].map((raw) => Buffer.from(raw as unknown as Uint8Array))).toEqual([
        sorted[0],
        sorted.at(-1),
      ])
    }),
  )
})

it('take a zero for the least and the greatest zero, whatever its sign', () => {
  for (const kind of ['float32', 'float64'] as const) {
    expect(chunkOf({ kind }, [-1, -0]).statistics?.max_value).toBe(0)
    expect(chunkOf({ kind }, [0, 1]).statistics?.min_value).toBe(-0)
  }
})

it('know the values of dictionaries, of their first page and of those that later pages add', () => {
  const pages = [[-5n, 9n], [-7n, 12n], [0n]].map((values) => values.concat(Array.from({ length: 40_000 }, () => 1n)))
  for (const all of [pages, pages.toReversed()]) {
    const bytes = fileOf(
      [column('v', { kind: 'int64' }), column('t', TEXT)],
      all.map((values) => values.map((value) => [value, `t${value}`])),
    )
    const chunks = parquetMetadata(Uint8Array.from(bytes)).row_groups[0]?.columns.map((chunk) => chunk.meta_data)
    expect(chunks?.map((chunk) => chunk?.encodings.includes('RLE_DICTIONARY'))).toEqual([true, true])
    expect(chunks?.map((chunk) => [chunk?.statistics?.min_value, chunk?.statistics?.max_value])).toEqual([
      [-7n, 12n],
      ['t-5', 't9'],
    ])
  }
})

it('leave bounds out where NaN has no place in the order, and of JSON, but count NULLs', () => {
  for (const [type, values] of [
    [{ kind: 'float64' }, [1, NaN, null]],
    [{ kind: 'float32' }, [NaN, 1, null]],
    [{ kind: 'json', binary: true }, ['{}', 'null', null]],
    [{ kind: 'int32' }, [null]],
  ] as const) {
    const { statistics } = chunkOf(type, values)
    expect([statistics?.min_value, statistics?.max_value, statistics?.null_count]).toEqual([undefined, undefined, 1n])
  }
})

it('cut long bounds so that they stay bounds, and text', () => {
  for (const [value, max] of [
    ['a'.repeat(100), `${'a'.repeat(63)}b`],
    ['ü'.repeat(100), `${'ü'.repeat(31)}ý`],
    [`${'a'.repeat(10)}${'\x7f'.repeat(100)}`, `${'a'.repeat(9)}b`],
    ['🐘'.repeat(100), `${'🐘'.repeat(15)}🐙`],
    ['\u{10ffff}'.repeat(100), undefined],
  ] as const) {
    const { statistics } = chunkOf(TEXT, [value])
    const least = Buffer.from(statistics?.min_value as unknown as Uint8Array)
    expect(Buffer.from(value).subarray(0, least.length)).toEqual(least)
    expect(least.toString()).not.toContain('\ufffd')
    const greatest = statistics?.max_value as unknown as Uint8Array | undefined
    expect(greatest && Buffer.from(greatest).toString()).toBe(max)
    expect([statistics?.is_min_value_exact, statistics?.is_max_value_exact]).toEqual([false, max === undefined ? undefined : false])
  }
  const { statistics } = chunkOf({ kind: 'bytes' }, [new Uint8Array(100).fill(255), new Uint8Array(70).fill(1)])
  expect(statistics?.max_value).toBeUndefined()
  expect(statistics?.min_value).toEqual(new Uint8Array(64).fill(1))
})
