import fc from 'fast-check'
import { parquetMetadata } from 'hyparquet'
import { describe, expect, it } from 'vitest'
import type { Vector } from '../../contracts/batch.ts'
import type { LogicalType, Row, Value } from '../../contracts/table.ts'
import { UNCHANGED } from '../../contracts/table.ts'
import { formatDay, formatTime, formatTimestampUs } from '../../values/calendar.ts'
import { columnsOfRows } from './columns-of-rows.ts'
import { appendPresence, createPresence } from './levels.ts'
import { column, decimal, duckdb, fileOf, rowsOf, TEXT } from './parquet.fixture.ts'
import { parquetSchema } from './schema.ts'
import { createParquetWriter } from './writer.ts'

const digits = (count: number) => fc.bigInt({ min: 1n - 10n ** BigInt(count), max: 10n ** BigInt(count) - 1n })

function decimalText(value: bigint, scale: number): string {
  const text = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  return `${value < 0n ? '-' : ''}${scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`}`
}

/** Types, and any value of each; few values too, so that dictionaries are made. */
const KINDS: readonly (readonly [LogicalType, fc.Arbitrary<Value>])[] = [
  [{ kind: 'boolean' }, fc.boolean()],
  [{ kind: 'int16' }, fc.integer({ min: -32768, max: 32767 })],
  [{ kind: 'int32' }, fc.oneof(fc.integer(), fc.integer({ min: -2, max: 2 }))],
  [{ kind: 'uint32' }, fc.integer({ min: 0, max: 4294967295 })],
  [{ kind: 'int64' }, fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(0n, -1n, 4294967296n))],
  [{ kind: 'float64' }, fc.double()],
  ...(
    [
      [4, 2],
      [9, 9],
      [10, 2],
      [18, 5],
      [19, 0],
      [38, 12],
    ] as const
  ).map(([precision, scale]) => [decimal(precision, scale), digits(precision).map((value) => decimalText(value, scale))] as const),
  [TEXT, fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('a', 'b', ''), fc.string({ maxLength: 300, size: 'max' }))],
  [{ kind: 'bytes' }, fc.uint8Array({ size: 'medium' })],
  [{ kind: 'uuid' }, fc.uuid()],
  [{ kind: 'date' }, fc.integer({ min: -2_451_545, max: 2_145_042_541 }).map(formatDay)],
  [{ kind: 'time' }, fc.integer({ min: 0, max: 86_400_000_000 }).map(formatTime)],
  [{ kind: 'timestamp' }, fc.bigInt({ min: -(2n ** 57n), max: 2n ** 63n - 2n }).map(formatTimestampUs)],
  [{ kind: 'timestamptz' }, fc.bigInt({ min: 0n, max: 2n ** 52n }).map((us) => `${formatTimestampUs(us)}Z`)],
  [{ kind: 'array', of: TEXT }, fc.array(fc.option(fc.string()), { maxLength: 5 })],
  [{ kind: 'array', of: decimal(20, 2) }, fc.array(fc.option(digits(20).map((value) => decimalText(value, 2))), { maxLength: 5 })],
]

const tables = fc.array(fc.nat(KINDS.length - 1), { minLength: 1, maxLength: 6 }).chain((kinds) =>
  fc.record({
    types: fc.constant(kinds.map((kind) => (KINDS[kind] as (typeof KINDS)[number])[0])),
    batches: fc.array(
      fc.array(fc.tuple(...kinds.map((kind) => fc.option((KINDS[kind] as (typeof KINDS)[number])[1]))), { maxLength: 40 }),
      { maxLength: 5 },
    ),
    rowGroupBytes: fc.constantFrom(1, 500, 1_000_000),
  }),
)

describe('any table', () => {
  it('is read back as it was written, whatever its batches and row groups', async () => {
    await fc.assert(
      fc.asyncProperty(tables, async ({ types, batches, rowGroupBytes }) => {
        const columns = types.map((type, at) => column(`c${at}`, type))
        const bytes = fileOf(columns, batches as Row[][], { rowGroupBytes })
        expect(await rowsOf(bytes)).toEqual(batches.flat())
      }),
      { numRuns: 150 },
    )
  })

  it('gives the same bytes from canonical values as from memory', () => {
    fc.assert(
      fc.property(tables, ({ types, batches, rowGroupBytes }) => {
        const columns = types.map((type, at) => column(`c${at}`, type))
        const options = { compression: 'none', rowGroupBytes } as const
        const writer = createParquetWriter(parquetSchema(columns), options)
        const parts = batches.flatMap((rows) =>
          writer.write({
            rowCount: rows.length,
            vectors: columns.map((_, at) => ({ form: 'values', values: rows.map((row) => row[at] as Value) })),
          }),
        )
        expect(Buffer.concat([...parts, ...writer.end({})]).equals(fileOf(columns, batches as Row[][], options))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })
})

describe('memory behind NULLs', () => {
  const valid = Uint8Array.of(0b0101)
  const garbage: readonly (readonly [LogicalType, Vector, readonly Value[]])[] = [
    [{ kind: 'int64' }, { form: 'fixed', values: BigInt64Array.of(1n, 9n, 2n, 9n), valid }, [1n, null, 2n, null]],
    [{ kind: 'int16' }, { form: 'fixed', values: Int16Array.of(1, 9, -2, 9), valid }, [1, null, -2, null]],
    [{ kind: 'boolean' }, { form: 'fixed', values: Uint8Array.of(1, 1, 0, 1), valid }, [true, null, false, null]],
    [TEXT, { form: 'varlen', offsets: Int32Array.of(1, 2, 5, 6, 9), data: Buffer.from('-a---b---'), valid }, ['a', null, 'b', null]],
    [
      decimal(9, 1),
      { form: 'varlen', offsets: Int32Array.of(0, 3, 6, 9, 12), data: Buffer.from('1.5NaN2.5xyz'), valid },
      ['1.5', null, '2.5', null],
    ],
    [
      { kind: 'uuid' },
      { form: 'uuid', data: Buffer.alloc(65, 7).subarray(1), valid },
      ['07070707-0707-0707-0707-070707070707', null, '07070707-0707-0707-0707-070707070707', null],
    ],
  ]

  it.each(garbage)('is not written: $0.kind', async (type, vector, expected) => {
    const writer = createParquetWriter(parquetSchema([column('v', type)]), { compression: 'zstd' })
    const parts = [
      ...writer.write({ rowCount: 4, vectors: [vector] }),
      ...writer.write({ rowCount: 4, vectors: [vector] }),
      ...writer.end({}),
    ]
    expect((await rowsOf(Buffer.concat(parts))).flat()).toEqual([...expected, ...expected])
  })

  it('of a form that is not the column’s is refused, not misread', () => {
    const writer = createParquetWriter(parquetSchema([column('v', { kind: 'int64' })]), { compression: 'none' })
    expect(() => writer.write({ rowCount: 1, vectors: [{ form: 'fixed', values: Int32Array.of(1), valid: null }] })).toThrow(
      expect.objectContaining({ code: 'BUG' }),
    )
  })
})

it('presence added in any pieces is the same bitmap', () => {
  const pieces = fc.array(fc.array(fc.boolean(), { maxLength: 30 }), { maxLength: 10 })
  fc.assert(
    fc.property(pieces, (all) => {
      const presence = createPresence()
      for (const piece of all) {
        // What a bitmap holds past its end means nothing.
        const bits = new Uint8Array((piece.length + 7) >> 3).fill(255)
        piece.forEach((present, i) => present || (bits[i >> 3] = (bits[i >> 3] as number) & ~(1 << (i & 7))))
        appendPresence(presence, piece.includes(false) ? bits : null, piece.length)
      }
      const flat = all.flat()
      const bits = Array.from({ length: presence.bits.length * 8 }, (_, i) => (((presence.bits.u8[i >> 3] as number) >> (i & 7)) & 1) === 1)
      expect(bits.slice(0, flat.length)).toEqual(flat)
      expect(bits.slice(flat.length)).not.toContain(true)
      expect([presence.count, presence.nulls]).toEqual([flat.length, flat.filter((present) => !present).length])
    }),
  )
})

describe('dictionaries', () => {
  const columns = [column('n', { kind: 'int64' }), column('t', TEXT), column('d', decimal(9, 0))]
  const rowOf = (n: number): Row => [BigInt(n) * 4294967297n, `value ${n}`, String(n)]
  const encodingsOf = (bytes: Uint8Array) =>
    parquetMetadata(Uint8Array.from(bytes)).row_groups[0]?.columns.map((chunk) => chunk.meta_data?.encodings.join())

  async function check(rows: readonly Row[], pieces: number): Promise<(string | undefined)[] | undefined> {
    const batches = Array.from({ length: pieces }, (_, at) => rows.slice((at * rows.length) / pieces, ((at + 1) * rows.length) / pieces))
    const bytes = fileOf(columns, batches)
    expect(await rowsOf(bytes)).toEqual(rows)
    const distinct = String(new Set(rows.map((row) => row[2])).size)
    expect(await duckdb('SELECT count(*), count(DISTINCT n), count(DISTINCT t), count(DISTINCT d) FROM $FILE', bytes)).toEqual([
      [String(rows.length), distinct, distinct, distinct],
    ])
    return encodingsOf(bytes)
  }

  it('are made of few values, in one page or many', async () => {
    const few = Array.from({ length: 20_000 }, (_, n) => rowOf((n * 7) % 1000))
    const dictionary = Array.from({ length: 3 }, () => 'PLAIN,RLE,RLE_DICTIONARY')
    expect(await check(few, 1)).toEqual(dictionary)
    expect(await check(few, 7)).toEqual(dictionary)
  })

  it('are not made of many, nor of one value each', async () => {
    const plain = Array.from({ length: 3 }, () => 'PLAIN,RLE')
    expect(
      await check(
        Array.from({ length: 40_000 }, (_, n) => rowOf(n)),
        3,
      ),
    ).toEqual(plain)
    expect(await check([rowOf(1)], 1)).toEqual(plain)
  })

  it('that overflow are kept for the pages before, and the pages after are plain', async () => {
    const wide = `${'x'.repeat(60)} `
    const few = Array.from({ length: 40_000 }, (_, n): Row => [BigInt(n % 50), wide + (n % 50), String(n % 50)])
    const many = Array.from({ length: 70_000 }, (_, n): Row => [BigInt(n), wide + n, String(n)])
    expect(await check([...few, ...many], 6)).toEqual(
      ['PLAIN,RLE,RLE_DICTIONARY', 'PLAIN,RLE,RLE_DICTIONARY', 'PLAIN,RLE,RLE_DICTIONARY'].map((text, at) =>
        at === 1 ? text : expect.any(String),
      ),
    )
  })

  it('lie before the data pages, and the footer says where either begins', () => {
    const bytes = fileOf(columns, [Array.from({ length: 2000 }, (_, n) => rowOf(n % 10))], { compression: 'none' })
    // PageHeader: field 1, an i32, the page's type in zigzag: 0 DATA_PAGE, 2 DICTIONARY_PAGE.
    const typeAt = (offset: bigint | undefined) => bytes.readUInt16BE(Number(offset))
    for (const { meta_data: facts } of parquetMetadata(Uint8Array.from(bytes)).row_groups[0]?.columns ?? [])
      expect([typeAt(facts?.dictionary_page_offset), typeAt(facts?.data_page_offset)]).toEqual([0x1504, 0x1500])
  })

  it('of one value take one bit each', async () => {
    const same = Array.from({ length: 10_000 }, (): Row => rowOf(5))
    expect(await check(same, 2)).toEqual(Array.from({ length: 3 }, () => 'PLAIN,RLE,RLE_DICTIONARY'))
  })
})

it('a huge value stands among small ones, and rows of them among batches', async () => {
  const columns = [column('t', TEXT), column('b', { kind: 'bytes' })]
  const huge: Row = ['ü'.repeat(10_000_000), new Uint8Array(9_000_000).fill(3)]
  const rows: Row[] = [['a', null], huge, [null, Uint8Array.of(1)], ['c', null]]
  const bytes = fileOf(columns, [rows, rows])
  const read = await rowsOf(bytes)
  expect(read.map(([text]) => (text as string | null)?.length)).toEqual([1, 10_000_000, undefined, 1, 1, 10_000_000, undefined, 1])
  expect(Buffer.from(read[5]?.[1] as Uint8Array).equals(huge[1] as Uint8Array)).toBe(true)
  expect(await duckdb('SELECT max(length(t)), max(octet_length(b)) FROM $FILE', bytes)).toEqual([['10000000', '9000000']])
})

it('values that were not sent become NULL, and the caller hears of each', () => {
  const heard: string[] = []
  const columns = [column('a', TEXT), column('b', { kind: 'int32' })]
  const rows: Row[] = [
    ['x', UNCHANGED],
    [UNCHANGED, null],
  ]
  const { vectors } = columnsOfRows(columns, rows, (row, at) => heard.push(`${row}.${at}`))
  expect(heard.sort()).toEqual(['0.1', '1.0'])
  expect(vectors.map((vector) => vector.form !== 'values' && vector.valid?.[0])).toEqual([0b11111101, 0b11111100])
})
