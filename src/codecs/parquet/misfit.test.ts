import { describe, expect, it } from 'vitest'
import type { LogicalType, Value } from '../../contracts/table.ts'
import { columnsOfRows } from './columns-of-rows.ts'
import { column, decimal, duckdb, fileOf, rowsOf } from './parquet.fixture.ts'
import { parquetSchema } from './schema.ts'
import { createParquetWriter } from './writer.ts'

type Case = { name: string; type: LogicalType; value: Value; clamped: Value | null; fits: Value }

const CASES: readonly Case[] = [
  { name: 'an infinite date', type: { kind: 'date' }, value: 'infinity', clamped: '+5881580-07-10', fits: '2026-11-20' },
  { name: 'a date before all', type: { kind: 'date' }, value: '-infinity', clamped: '-5877641-06-25', fits: '2026-11-20' },
  {
    name: 'an infinite timestamp',
    type: { kind: 'timestamp' },
    value: 'infinity',
    clamped: '+294247-01-10T04:00:54.775806',
    fits: '2026-11-20T00:00:00',
  },
  {
    name: 'a timestamp before all',
    type: { kind: 'timestamptz' },
    value: '-infinity',
    clamped: '-290308-12-22T00:00:00Z',
    fits: '2026-11-20T00:00:00Z',
  },
  {
    name: 'a timestamp past 64 bits',
    type: { kind: 'timestamptz' },
    value: '+294276-12-31T23:59:59.999999Z',
    clamped: '+294247-01-10T04:00:54.775806Z',
    fits: '2026-11-20T00:00:00Z',
  },
  { name: 'NaN in a decimal', type: decimal(9, 2), value: 'NaN', clamped: null, fits: '1.50' },
  { name: 'infinity in a decimal', type: decimal(9, 2), value: 'Infinity', clamped: '9999999.99', fits: '1.50' },
  { name: 'infinity in a wide decimal', type: decimal(38, 0), value: '-Infinity', clamped: `-${'9'.repeat(38)}`, fits: '1' },
  { name: 'too many digits', type: decimal(18, 2), value: `-${'9'.repeat(17)}.00`, clamped: `-${'9'.repeat(16)}.99`, fits: '1.50' },
  { name: 'too many digits after the point', type: decimal(18, 2), value: '1.501', clamped: null, fits: '1.50' },
]

describe.each(CASES)('$name', ({ type, value, clamped, fits }) => {
  const columns = [column('v', type)]
  const rows = [[fits], [value], [null], [value]]

  function misfitsOf(misfit: 'clamp' | 'null'): Readonly<Record<string, number>> {
    const writer = createParquetWriter(parquetSchema(columns, { misfit }), { compression: 'none' })
    writer.write(columnsOfRows(columns, rows))
    return writer.misfits
  }

  it('fails by default, naming the column and not the value, and cannot be ended', () => {
    const writer = createParquetWriter(parquetSchema(columns), { compression: 'none' })
    const failure = expect.objectContaining({ code: 'PARQUET_VALUE', kind: 'data', message: expect.stringContaining('column v ') })
    expect(() => writer.write(columnsOfRows(columns, rows))).toThrow(failure)
    expect(() => writer.end({})).toThrow(failure)
    if (value !== 'NaN') expect(() => fileOf(columns, [rows])).not.toThrow(String(value))
  })

  it('becomes NULL by `null`, and is counted', async () => {
    expect(await rowsOf(fileOf(columns, [rows], { misfit: 'null' }))).toEqual([[fits], [null], [null], [null]])
    expect(misfitsOf('null')).toEqual({ v: 2 })
  })

  it('becomes the nearest value by `clamp` where there is one, and is counted', async () => {
    if (clamped === null)
      return expect(() => fileOf(columns, [rows], { misfit: 'clamp' })).toThrow(expect.objectContaining({ code: 'PARQUET_VALUE' }))
    const bytes = fileOf(columns, [rows], { misfit: 'clamp' })
    expect(await rowsOf(bytes)).toEqual([[fits], [clamped], [null], [clamped]])
    expect((await duckdb('SELECT v::VARCHAR FROM $FILE', bytes))[1]?.[0]).not.toMatch(/inf/)
    expect(misfitsOf('clamp')).toEqual({ v: 2 })
  })

  it('stays itself by `text`, whatever form its vector has', async () => {
    expect(await rowsOf(fileOf(columns, [rows], { misfit: 'text' }))).toEqual(rows)
    const values = { rowCount: 4, vectors: [{ form: 'values', values: rows.flat() }] } as const
    const writer = createParquetWriter(parquetSchema(columns, { misfit: 'text' }), { compression: 'none' })
    expect(await rowsOf(Buffer.concat([...writer.write(values), ...writer.end({})]))).toEqual(rows)
  })

  it('is never changed in a key', () => {
    for (const misfit of ['clamp', 'null'] as const)
      expect(() => fileOf(columns, [[[value]]], { misfit, key: [0] })).toThrow(expect.objectContaining({ code: 'PARQUET_VALUE' }))
  })

  it('in a list follows the same policy', async () => {
    const lists = [column('v', { kind: 'array', of: type })]
    const listed = [[[fits, value, null, fits]], [[]], [[value]]]
    expect(() => fileOf(lists, [listed])).toThrow(expect.objectContaining({ code: 'PARQUET_VALUE' }))
    expect(await rowsOf(fileOf(lists, [listed], { misfit: 'null' }))).toEqual([[[fits, null, null, fits]], [[]], [[null]]])
    if (clamped !== null)
      expect(await rowsOf(fileOf(lists, [listed], { misfit: 'clamp' }))).toEqual([[[fits, clamped, null, fits]], [[]], [[clamped]]])
  })
})

it('a value of NULL’s memory is no misfit', async () => {
  // A decoder leaves whatever it likes where NULL is.
  const days = { form: 'fixed', values: Int32Array.of(1, 0x7fffffff, -0x80000000), valid: Uint8Array.of(0b001) } as const
  const writer = createParquetWriter(parquetSchema([column('v', { kind: 'date' })]), { compression: 'none' })
  const parts = [...writer.write({ rowCount: 3, vectors: [days] }), ...writer.end({})]
  expect(await rowsOf(Buffer.concat(parts))).toEqual([['1970-01-02'], [null], [null]])
})
