import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { LogicalType } from '../../contracts/table.ts'
import { duckTypeOf } from '../../sinks/duckdb/column-type.ts'
import { column, decimal, duckdb, fileOf, onDisk, rowsOf, TEXT } from './parquet.fixture.ts'
import { parquetSchema } from './schema.ts'

const TYPES: readonly LogicalType[] = [
  ...(['boolean', 'int16', 'int32', 'uint32', 'int64', 'float32', 'float64', 'uuid', 'bytes', 'bits'] as const).map((kind) => ({ kind })),
  ...(['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval'] as const).map((kind) => ({ kind })),
  ...[decimal(1, 0), decimal(9, 2), decimal(10, 2), decimal(18, 18), decimal(19, 0), decimal(38, 10), decimal(39, 0), decimal(null, null)],
  ...[decimal(2, -3), decimal(2, 5)],
  TEXT,
  { kind: 'text', name: 'mood', labels: ['sad'] },
  { kind: 'json', binary: true },
  { kind: 'unknown', name: 'box' },
  { kind: 'map' },
  { kind: 'composite', name: 'pair', fields: [] },
]
const columns = [...TYPES, ...TYPES.map((of) => ({ kind: 'array', of }) as const)].map((type, at) => column(`c${at}`, type))

it('is the schema that DuckDB’s COPY writes of a table of the duckdb sink, name for name', async () => {
  const path = join(onDisk(new Uint8Array(0)), '..', 'duckdb.parquet')
  const list = columns.map(({ name, type }) => `NULL::${duckTypeOf(type).sql} AS ${name}`).join(', ')
  await duckdb(`COPY (SELECT ${list}) TO '${path}' (FORMAT parquet)`)
  const elements = (file: string) =>
    `SELECT name, type, type_length, repetition_type, num_children, converted_type, scale, precision, logical_type FROM parquet_schema(${file}) OFFSET 1`
  const ours = await duckdb(elements('$FILE'), fileOf(columns, []))
  const theirs = await duckdb(elements(`'${path}'`))
  // INT_16 and its like are logical types here too, as newer readers want them; theirs has the converted ones alone.
  const withoutNew = (rows: (string | null)[][]) =>
    rows.map((row) => [
      ...row.slice(0, 8),
      row[5] === 'LIST' || row[5] === 'UTF8' || row[5] === 'DATE' || row[5]?.includes('INT_') ? null : row[8],
    ])
  expect(withoutNew(ours)).toEqual(withoutNew(theirs))
})

it('has the key’s columns required, and every other optional', async () => {
  const two = [column('k', { kind: 'int32' }), column('v', TEXT)]
  const bytes = fileOf(two, [[[1, 'a']], [[2, null]]], { key: [0] })
  expect((await duckdb('SELECT repetition_type FROM parquet_schema($FILE) OFFSET 1', bytes)).flat()).toEqual(['REQUIRED', 'OPTIONAL'])
  expect(await rowsOf(bytes)).toEqual([
    [1, 'a'],
    [2, null],
  ])
  expect(() => fileOf(two, [[[null, 'a']]], { key: [0] })).toThrow(expect.objectContaining({ code: 'BUG' }))
})

it('by `text` stores as text what might not fit, for each column as asked', () => {
  const all = [
    column('d', { kind: 'date' }),
    column('n', decimal(9, 2)),
    column('i', { kind: 'int32' }),
    column('l', { kind: 'array', of: TEXT }),
  ]
  const kinds = (of: ReturnType<typeof parquetSchema>) => of.fields.map(({ leaf, repetition }) => `${leaf.kind} ${repetition}`)
  expect(kinds(parquetSchema(all))).toEqual(['date optional', 'decimal optional', 'int32 optional', 'string list'])
  expect(kinds(parquetSchema(all, { misfit: 'text' }))).toEqual(['string optional', 'string optional', 'int32 optional', 'json optional'])
  expect(kinds(parquetSchema(all, { misfit: ({ name }) => (name === 'd' ? 'text' : 'null') }))).toEqual([
    'string optional',
    'decimal optional',
    'int32 optional',
    'string list',
  ])
})

it('keeps names of any characters apart', async () => {
  const names = ['a.b', 'a', 'A', '', ' ', '"q"', 'ü ☃', 'list', 'element', 'a,b', 'x'.repeat(63)]
  const odd = names.map((name) => column(name, { kind: 'array', of: { kind: 'int32' } }))
  const rows = [names.map((_, at) => [at])]
  const bytes = fileOf(odd, [rows])
  expect(await rowsOf(bytes)).toEqual(rows)
  expect(
    (await duckdb("SELECT name FROM parquet_schema($FILE) WHERE num_children = 1 AND repetition_type = 'OPTIONAL'", bytes)).flat(),
  ).toEqual(names)
})

it('may have as many columns as a table of Postgres', async () => {
  const wide = Array.from({ length: 1600 }, (_, at) => column(`c${at}`, at % 2 ? TEXT : { kind: 'int32' }))
  const row = wide.map((_, at) => (at % 2 ? `v${at}` : at))
  expect(await rowsOf(fileOf(wide, [[row], [row]]))).toEqual([row, row])
})

it('holds the footer’s metadata, of any length', async () => {
  const metadata = { 'millrace.position': '0123456789ABCDEF', empty: '', long: 'ü'.repeat(200_000) }
  const bytes = fileOf([column('a', TEXT)], [], { metadata })
  expect((await duckdb('SELECT decode(key), decode(value) FROM parquet_kv_metadata($FILE)', bytes)).map(([key]) => key)).toEqual(
    Object.keys(metadata),
  )
})
