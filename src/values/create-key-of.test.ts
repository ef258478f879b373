import fc from 'fast-check'
import { expect, it } from 'vitest'
import { UNCHANGED, type LogicalType, type Row, type Table } from '../contracts/table.ts'
import { canonicalEquals } from './canonical-equals.ts'
import { createKeyOf } from './create-key-of.ts'
import { withLowerBounds } from './lower-bounds.ts'

const INT: LogicalType = { kind: 'int32' }
const BIG: LogicalType = { kind: 'int64' }
const TEXT: LogicalType = { kind: 'text', name: 'text' }
const FLOAT: LogicalType = { kind: 'float64' }
const BYTES: LogicalType = { kind: 'bytes' }
const ARRAY: LogicalType = { kind: 'array', of: TEXT }

it('is the value itself for a lone integer or text', () => {
  expect(createKeyOf(tableOf([INT, TEXT], [0]))([7, 'x'])).toBe('7')
  expect(createKeyOf(tableOf([BIG], [0]))([9_007_199_254_740_993n])).toBe('9007199254740993')
  expect(createKeyOf(tableOf([INT, TEXT], [1]))([7, 'x'])).toBe('x')
})

it('takes the columns in the order of the key', () => {
  const row: Row = [1, 'a']
  expect(createKeyOf(tableOf([INT, TEXT], [0, 1]))(row)).not.toBe(createKeyOf(tableOf([INT, TEXT], [1, 0]))(row))
})

it('takes all columns where there is no key', () => {
  const keyOf = createKeyOf(tableOf([INT, TEXT], []))
  expect(keyOf([1, null])).not.toBe(keyOf([1, 'null']))
  expect(keyOf([1, null])).not.toBe(keyOf([1, UNCHANGED]))
  const single = createKeyOf(tableOf([TEXT], []))
  expect(single([null])).not.toBe(single(['~']))
})

it.each<[string, LogicalType[]]>([
  ['two texts', [TEXT, TEXT]],
  ['integer and text', [INT, TEXT]],
  ['three of a kind', [TEXT, INT, TEXT]],
  ['floats', [FLOAT, FLOAT]],
  ['bytes and an array', [BYTES, ARRAY]],
  ['one array', [ARRAY]],
])('differs wherever the rows differ: %s', (_, types) => {
  const keyOf = createKeyOf(tableOf(types, []))
  const rows = fc.tuple(...types.map(valuesOf))
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      const equal = a.every((value, at) => canonicalEquals(value, b[at] ?? null))
      return (keyOf(a) === keyOf(b)) === equal
    }),
    { numRuns: 2000 },
  )
})

/** Few and treacherous values, so that pairs often nearly meet. */
function valuesOf(type: LogicalType): fc.Arbitrary<Row[number] & (null | object | string | number)> {
  const text = fc.string({ unit: fc.constantFrom('1', ',', ':', '~', '?', '\0', 'ü', '{'), maxLength: 3 })
  switch (type.kind) {
    case 'int32':
      return fc.oneof(fc.constant(null), fc.integer({ min: -12, max: 12 }))
    case 'float64':
      return fc.constantFrom(null, 0, -0, Number.NaN, 1, 1.1, Number.POSITIVE_INFINITY)
    case 'bytes':
      return fc.uint8Array({ maxLength: 2, max: 60, min: 48 })
    case 'array':
      return fc
        .tuple(fc.array(fc.oneof(text, fc.constant(null)), { minLength: 1, maxLength: 2 }), fc.integer({ min: 0, max: 1 }))
        .map(([items, bound]) => withLowerBounds(items, [bound]))
    default:
      return fc.oneof(fc.constant(null), text)
  }
}

function tableOf(types: readonly LogicalType[], key: readonly number[]): Table {
  const columns = types.map((type, at) => ({
    name: `c${at}`,
    id: at + 1,
    type,
    sourceType: '',
    typeOid: 0,
    typeModifier: -1,
    nullable: true,
  }))
  return { schema: 'public', name: 't', id: 1, version: '1', columns, key, identity: 'key' }
}
