import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogicalType, Value } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { canonicalEquals } from '../../values/canonical-equals.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { createBinaryDecoder } from './create-binary-decoder.ts'
import { createTextDecoder } from './create-text-decoder.ts'
import { toPgText } from './to-pg-text.ts'

const decimal: LogicalType = { kind: 'decimal', precision: null, scale: null }
const textual: LogicalType = { kind: 'text', name: 'text' }
const pair: LogicalType = {
  kind: 'composite',
  name: 'pair',
  fields: [
    { name: 'a', type: textual },
    { name: 'b', type: { kind: 'array', of: textual } },
  ],
}

describe('numeric', () => {
  it('in binary becomes exactly the digits and the scale that were sent', () => {
    const decode = createBinaryDecoder(decimal)
    const digits = fc.stringMatching(/^[1-9]\d{0,60}$/)
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 70 }), fc.boolean(), (whole, scale, negative) => {
        const padded = whole.padStart(scale + 1, '0')
        const split = padded.length - scale
        const expected = (negative ? '-' : '') + padded.slice(0, split) + (scale > 0 ? `.${padded.slice(split)}` : '')
        const bytes = encodeNumeric(padded.slice(0, split), padded.slice(split), negative)
        return decode(bytes, 0, bytes.length) === expected
      }),
      { numRuns: 3000 },
    )
  })
})

describe('timestamps and intervals', () => {
  const US = fc.bigInt({ min: -(2n ** 63n) / 50n, max: 2n ** 63n - 10n ** 14n })

  it('in binary, printed and read as text, stay the same', () => {
    const type: LogicalType = { kind: 'timestamptz' }
    const [fromBinary, fromText] = [createBinaryDecoder(type), createTextDecoder(type)]
    fc.assert(
      fc.property(fc.oneof(US, fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n })), (us) => {
        const bytes = Buffer.alloc(8)
        bytes.writeBigInt64BE(us)
        const value = fromBinary(bytes, 0, 8) as string
        const printed = Buffer.from(toPgText(type, value))
        return fromText(printed, 0, printed.length) === value
      }),
      { numRuns: 3000 },
    )
  })

  it('of an interval keep every part with its own sign', () => {
    const decode = createBinaryDecoder({ kind: 'interval' })
    const read = createTextDecoder({ kind: 'interval' })
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer(), fc.integer(), (us, days, months) => {
        const bytes = Buffer.alloc(16)
        bytes.writeBigInt64BE(us)
        bytes.writeInt32BE(days, 8)
        bytes.writeInt32BE(months, 12)
        const value = decode(bytes, 0, 16) as string
        const printed = Buffer.from(value)
        expect(read(printed, 0, printed.length)).toBe(value)
        expect(sumOf(value)).toEqual({ us, days, months })
      }),
      { numRuns: 3000 },
    )
  })
})

describe('arrays, maps and rows', () => {
  const item = fc.oneof(
    fc.constant(null),
    fc.constantFrom('NULL', '', ' ', '{', '}', ',', '"', '\\', 'a b', '=>', '(', ')'),
    fc.string({ unit: 'grapheme', maxLength: 6 }).filter((one) => !one.includes('\0')),
  )

  it('of any shape, bounds and content are read as they were written', () => {
    const type: LogicalType = { kind: 'array', of: textual }
    const flat = fc.tuple(fc.array(item, { minLength: 1, maxLength: 4 }), fc.integer({ min: -3, max: 3 }))
    const one = flat.map(([items, lower]) => withLowerBounds(items, [lower]))
    const two = fc
      .tuple(fc.array(fc.tuple(item, item), { minLength: 1, maxLength: 3 }), fc.integer({ min: -2, max: 2 }))
      .map(([rows, lower]) => withLowerBounds(rows, [1, lower]))
    fc.assert(
      fc.property(fc.oneof(one, two), (value) => roundTrips(type, value)),
      { numRuns: 3000 },
    )
  })

  it('of rows and maps are read as they were written', () => {
    const row = fc.record({ a: item, b: fc.oneof(fc.constant(null), fc.array(item, { maxLength: 3 })) })
    fc.assert(
      fc.property(row, (value) => roundTrips(pair, value)),
      { numRuns: 2000 },
    )
    const rows = fc.array(fc.oneof(row, fc.constant(null)), { maxLength: 3 })
    fc.assert(
      fc.property(rows, (value) => roundTrips({ kind: 'array', of: pair }, value)),
      { numRuns: 2000 },
    )
    const map = fc.dictionary(
      fc.string({ maxLength: 4 }).filter((one) => !one.includes('\0')),
      item,
    )
    fc.assert(
      fc.property(map, (value) => roundTrips({ kind: 'map' }, value)),
      { numRuns: 2000 },
    )
  })
})

describe('bytes of chance', () => {
  const scalars: LogicalType[] = (
    ['boolean', 'int16', 'int32', 'uint32', 'int64', 'float32', 'float64', 'uuid', 'bytes', 'bits', 'date', 'time', 'timetz'] as const
  ).map((kind) => ({ kind }))
  const more: LogicalType[] = [
    { kind: 'timestamp' },
    { kind: 'timestamptz' },
    { kind: 'interval' },
    { kind: 'json', binary: true },
    decimal,
    textual,
  ]
  const named: LogicalType[] = ['inet', 'cidr', 'macaddr', 'macaddr8'].map((name) => ({ kind: 'text', name }))
  const arrays: LogicalType[] = [...scalars, ...more].map((of) => ({ kind: 'array', of }))

  it.each([...scalars, ...more, ...named, ...arrays])('are a value or CODEC_MALFORMED in binary: %o', (type) => {
    const decode = createBinaryDecoder(type)
    const header = fc.constantFrom(
      '',
      '000000010000000000000017',
      '00000001000000000000001700000001000000010000000',
      '02200004',
      '0001000000000002',
    )
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 40 }), (hex, tail) => {
        const bytes = Buffer.concat([Buffer.from(hex, 'hex'), tail])
        return isSound(type, () => decode(bytes, 0, bytes.length))
      }),
      { numRuns: 500 },
    )
  })

  it.each([...scalars, ...more, ...arrays, pair, { kind: 'map' } as LogicalType])('are a value or CODEC_MALFORMED in text: %o', (type) => {
    const decode = createTextDecoder(type)
    const words = fc.constantFrom(
      '{',
      '}',
      '"',
      '\\',
      ',',
      'NULL',
      '-',
      '0',
      '9',
      '.',
      ':',
      ' ',
      '(',
      ')',
      '=>',
      'P',
      'T',
      '$',
      'é',
      '2026-11-20',
      '01:02:03',
      '+00',
      '[0:1]=',
      '\\x',
    )
    fc.assert(
      fc.property(fc.array(words, { maxLength: 9 }), (parts) => {
        const bytes = Buffer.from(parts.join(''))
        return isSound(type, () => decode(bytes, 0, bytes.length))
      }),
      { numRuns: 1000 },
    )
  })
})

/** The call gives a value of the type's form that survives being written and read, or throws CODEC_MALFORMED with an offset. */
function isSound(type: LogicalType, call: () => Value): boolean {
  let value: Value
  try {
    value = call()
  } catch (error) {
    return error instanceof MillraceError && error.code === 'CODEC_MALFORMED' && typeof error.fields.offset === 'number'
  }
  return roundTrips(type, value)
}

function roundTrips(type: LogicalType, value: Value): boolean {
  if (value === null) return false
  const bytes = Buffer.from(toPgText(type, value))
  return canonicalEquals(createTextDecoder(type)(bytes, 0, bytes.length), value)
}

/** As numeric_send packs it: groups of four digits around the point, no zero groups at either end. */
function encodeNumeric(whole: string, fraction: string, negative: boolean): Buffer {
  const left = whole.padStart(Math.ceil(whole.length / 4) * 4, '0')
  const groups = (left + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0')).match(/\d{4}/g)?.map(Number) ?? []
  let weight = left.length / 4 - 1
  while (groups[0] === 0) {
    groups.shift()
    weight--
  }
  while (groups.at(-1) === 0) groups.pop()
  const bytes = Buffer.alloc(8 + groups.length * 2)
  bytes.writeInt16BE(groups.length, 0)
  bytes.writeInt16BE(groups.length === 0 ? 0 : weight, 2)
  bytes.writeUInt16BE(negative ? 0x4000 : 0, 4)
  bytes.writeUInt16BE(fraction.length, 6)
  for (const [at, group] of groups.entries()) bytes.writeInt16BE(group, 8 + at * 2)
  return bytes
}

/** The parts of an ISO-8601 interval added up. */
function sumOf(interval: string): { us: bigint; days: number; months: number } {
  const number = (pattern: RegExp) => pattern.exec(interval)?.[1] ?? '0'
  const seconds = number(/(-?[\d.]+)S/)
  const [whole = '0', fraction = ''] = seconds.replace('-', '').split('.')
  const us = (BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'))) * (seconds.startsWith('-') ? -1n : 1n)
  const hours = BigInt(number(/(-?\d+)H/))
  const minutes = BigInt(number(/T.*?(-?\d+)M/))
  return {
    us: us + (hours * 60n + minutes) * 60_000_000n,
    days: Number(number(/(-?\d+)D/)),
    months: Number(number(/(-?\d+)Y/)) * 12 + Number(number(/^P[^T]*?(-?\d+)M/)),
  }
}
