import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readVector } from '../../../test/oracle/read-vector.ts'
import type { ChunkRows } from '../../contracts/source.ts'
import type { LogicalType, Row, Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { canonicalEquals } from '../../values/canonical-equals.ts'
import { createKeyOf } from '../../values/create-key-of.ts'
import { createChunkRows } from './create-chunk-rows.ts'

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = Buffer.from([0xff, 0xff])
const INT: LogicalType = { kind: 'int32' }
const TEXT: LogicalType = { kind: 'text', name: 'text' }
const STAMP: LogicalType = { kind: 'timestamp' }

describe('a chunk of rows', () => {
  const rows = Array.from({ length: 1300 }, (_, n) => [int32(n), n % 3 === 0 ? null : Buffer.from(`row ${n} é`)])
  const table = tableOf([INT, TEXT])
  const expected: Row[] = rows.map(([, text], n) => [n, text ? text.toString() : null])

  it('is decoded into rows and columns alike', () => {
    const chunk = chunkOf(table, copy(rows))
    expect(chunk.rowCount).toBe(1300)
    expect(chunk.rows()).toEqual(expected)
    expect(fromColumns(chunk)).toEqual(expected)
  })

  it('is decoded only once in each form', () => {
    const chunk = chunkOf(table, copy(rows))
    expect(chunk.rows()).toBe(chunk.rows())
    expect(chunk.columns()).toBe(chunk.columns())
  })

  it('may come in pieces that break anywhere, with or without header and trailer', () => {
    const whole = copy(rows)
    for (const bytes of [
      [whole.subarray(0, 7), whole.subarray(7, 1000), whole.subarray(1000)],
      [whole.subarray(19)],
      [whole.subarray(19, -2)],
    ]) {
      const chunk = createChunkRows({ table, asText: [false, false], bytes, rowCount: 1300 })
      expect(chunk.rows()).toEqual(expected)
      expect(fromColumns(chunk)).toEqual(expected)
    }
  })

  it('knows the key of each row, in any order', () => {
    const composite = { ...table, key: [1, 0] }
    for (const keyed of [table, composite, { ...table, key: [] }]) {
      const chunk = chunkOf(keyed, copy(rows))
      const keyOf = createKeyOf(keyed)
      for (const index of [1299, 0, 3, 700]) expect(chunk.key(index)).toBe(keyOf(expected[index] as Row))
    }
  })

  it('keeps the rows that a filter keeps, in both forms, and filters again', () => {
    const chunk = chunkOf(table, copy(rows))
    const kept = chunk.filter(Uint8Array.from(rows, (_, n) => (n % 2 === 0 ? 1 : 0)))
    const again = kept.filter(Uint8Array.from({ length: 650 }, (_, n) => (n >= 10 ? 1 : 0)))
    const wanted = expected.filter((_, n) => n % 2 === 0).slice(10)
    expect(again.rowCount).toBe(640)
    expect(again.rows()).toEqual(wanted)
    expect(fromColumns(again)).toEqual(wanted)
    expect(again.key(0)).toBe('20')
    expect(chunk.rowCount).toBe(1300)
  })

  it('may be empty, and may have no columns', () => {
    expect(chunkOf(table, copy([])).rows()).toEqual([])
    expect(chunkOf(table, Buffer.alloc(0)).columns().rowCount).toBe(0)
    expect(chunkOf(tableOf([]), copy([[], []])).rows()).toEqual([[], []])
  })

  it('has no bitmap where nothing is NULL', () => {
    const { vectors } = chunkOf(table, copy(rows)).columns()
    expect(vectors.map((vector) => vector.form !== 'values' && vector.valid !== null)).toEqual([false, true])
  })
})

describe('columns', () => {
  it('of long and short text, growing past every estimate, hold each byte', () => {
    const lengths = [0, 1, 3, 4, 5, 95, 96, 97, 5000, 100_000]
    const rows = Array.from({ length: 600 }, (_, n) => [Buffer.from('xyz'.repeat(40_000).slice(0, lengths[n % lengths.length]))])
    const table = tableOf([TEXT])
    expect(fromColumns(chunkOf(table, copy(rows)))).toEqual(rows.map(([text]) => [text?.toString()]))
    for (const text of ['', 'a', 'ab', 'abc', 'abcd', 'abcde']) {
      const last = copy([[Buffer.from(text)]])
      for (const bytes of [last, last.subarray(0, -2)]) expect(fromColumns(chunkOf(table, bytes))).toEqual([[text]])
    }
  })

  it('of timestamps past int64 microseconds since 1970 hold canonical values, others of the chunk do not', () => {
    for (const [us, form] of [
      [2n ** 63n - 1n - 946_684_800_000_000n - 1n, 'fixed'],
      [2n ** 63n - 1n - 946_684_800_000_000n, 'values'],
      [2n ** 63n - 946_684_800_000_000n, 'values'],
      [9_223_371_331_199_999_999n, 'values'],
      [2n ** 63n - 1n, 'fixed'],
    ] as const) {
      const chunk = chunkOf(
        tableOf([STAMP, INT]),
        copy([
          [int64(us), int32(1)],
          [int64(0n), int32(2)],
        ]),
      )
      expect(chunk.columns().vectors.map((vector) => vector.form)).toEqual([form, 'fixed'])
      expect(fromColumns(chunk)).toEqual(chunk.rows())
    }
  })

  it('selected as text hold the text, or canonical values where text is not their form', () => {
    const table = tableOf([{ kind: 'interval' }, INT, { kind: 'map' }])
    const bytes = copy([[Buffer.from('P1D'), Buffer.from('7'), Buffer.from('"a"=>"b"')]])
    const chunk = createChunkRows({ table, asText: [true, true, true], bytes })
    expect(chunk.columns().vectors.map((vector) => vector.form)).toEqual(['varlen', 'values', 'values'])
    expect(fromColumns(chunk)).toEqual([['P1D', 7, { a: 'b' }]])
  })
})

describe('malformed bytes', () => {
  const table = tableOf([
    INT,
    TEXT,
    STAMP,
    { kind: 'decimal', precision: null, scale: null },
    { kind: 'uuid' },
    { kind: 'json', binary: true },
    { kind: 'boolean' },
    { kind: 'date' },
    { kind: 'array', of: INT },
  ])
  const numeric = Buffer.from('0002000000000002000c1388', 'hex')
  const list = Buffer.from('0000000100000001000000170000000200000001' + '0000000400000001ffffffff', 'hex')
  const row = [
    int32(1),
    Buffer.from('text ü'),
    int64(5n),
    numeric,
    Buffer.alloc(16, 7),
    Buffer.from('\x01{}'),
    Buffer.from([1]),
    int32(9),
    list,
  ]
  const whole = copy([row, row.map(() => null), row])

  it('name the column and the byte', () => {
    const bytes = copy([[int32(1), Buffer.from([0xff])]])
    const chunk = chunkOf(tableOf([INT, TEXT]), bytes)
    expect(() => chunk.rows()).toThrow(
      expect.objectContaining({ code: 'CODEC_MALFORMED', fields: expect.objectContaining({ column: 'c1', offset: 33 }) }),
    )
    expect(() => chunk.columns()).toThrow(
      expect.objectContaining({ code: 'CODEC_MALFORMED', fields: expect.objectContaining({ column: 'c1' }) }),
    )
    const short = chunkOf(tableOf([INT]), copy([[Buffer.from([1, 2])]]))
    for (const decode of [() => short.rows(), () => short.columns(), () => short.key(0)]) {
      expect(decode).toThrow(expect.objectContaining({ code: 'CODEC_MALFORMED', fields: expect.objectContaining({ column: 'c0' }) }))
    }
  })

  it.each([
    ['another count of fields', Buffer.concat([HEADER, Buffer.from([0, 3])])],
    ['a cut field', whole.subarray(0, 60)],
    ['a cut trailer', whole.subarray(0, -1)],
    ['a cut last field', whole.subarray(19, -3)],
    ['bytes after the trailer', Buffer.concat([whole, whole])],
    ['unknown flags', Buffer.concat([whole.subarray(0, 11), Buffer.from([0, 1, 0, 0]), whole.subarray(15)])],
    ['an endless extension', Buffer.concat([whole.subarray(0, 15), Buffer.from([127, 0, 0, 0]), whole.subarray(19)])],
  ])('are refused at once: %s', (_, bytes) => {
    expect(() => chunkOf(table, bytes)).toThrow(expect.objectContaining({ code: 'CODEC_MALFORMED' }))
  })

  it('are refused where the server announced another count of rows', () => {
    expect(() => createChunkRows({ table, asText: [], bytes: whole, rowCount: 2 })).toThrow(
      expect.objectContaining({ code: 'CODEC_MALFORMED' }),
    )
  })

  it('of any kind give CODEC_MALFORMED or the same rows in both forms', () => {
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff))), {
      minLength: 1,
      maxLength: 4,
    })
    const cuts = fc.oneof(fc.constant(whole.length), fc.nat(whole.length))
    fc.assert(
      fc.property(flips, cuts, (changes, length) => {
        const bytes = Buffer.from(whole)
        for (const [at, byte] of changes) bytes[at] = byte
        const [rows, columns] = [
          attempt(() => chunkOf(table, bytes.subarray(0, length)).rows()),
          attempt(() => fromColumns(chunkOf(table, bytes.subarray(0, length)))),
        ]
        if (rows === 'malformed' || columns === 'malformed') return rows === columns
        return rows.every((one, at) => one.every((value, column) => canonicalEquals(value, columns[at]?.[column] ?? null)))
      }),
      { numRuns: 20_000 },
    )
  })
})

function attempt<Result>(call: () => Result): Result | 'malformed' {
  try {
    return call()
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'CODEC_MALFORMED' && Number.isInteger(error.fields.offset)) return 'malformed'
    throw error
  }
}

function chunkOf(table: Table, bytes: Uint8Array): ChunkRows {
  return createChunkRows({ table, asText: table.columns.map(() => false), bytes })
}

function fromColumns(chunk: ChunkRows): Row[] {
  const { rowCount, vectors } = chunk.columns()
  return Array.from({ length: rowCount }, (_, row) => vectors.map((vector, at) => readVector(vector, chunk.table.columns[at]!.type, row)))
}

function copy(rows: readonly (readonly (Buffer | null | undefined)[])[]): Buffer {
  const fields = rows.flatMap((row) => [int16(row.length), ...row.flatMap((value) => (value ? [int32(value.length), value] : [int32(-1)]))])
  return Buffer.concat([HEADER, ...fields, TRAILER])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

function tableOf(types: readonly LogicalType[]): Table {
  const columns = types.map((type, at) => ({
    name: `c${at}`,
    id: at + 1,
    type,
    sourceType: '',
    typeOid: 0,
    typeModifier: -1,
    nullable: true,
  }))
  return { schema: 'public', name: 't', id: 1, version: '1', columns, key: types.length > 0 ? [0] : [], identity: 'key' }
}
