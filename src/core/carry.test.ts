import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addXid, eachXid, EMPTY_CARRY, formatCarry, joinCarries, parseCarry, withoutVisible, type XidRange } from './carry.ts'

const rangesOf = (...xids: number[]): XidRange[] => {
  const ranges: XidRange[] = []
  for (const xid of xids) addXid(ranges, xid)
  return ranges
}

test('an empty carry is the empty text', () => {
  expect(formatCarry(EMPTY_CARRY)).toBe('')
  expect(parseCarry('')).toEqual(EMPTY_CARRY)
})

test('neighbours become one range, in whatever order they come', () => {
  expect(formatCarry({ xids: rangesOf(7, 5, 6, 9, 742), incomplete: [] })).toBe('5-7,9,742')
  expect(formatCarry({ xids: rangesOf(9, 5, 7, 6, 8, 8), incomplete: [] })).toBe('5-9')
})

test('a range spans the wrap of 32 bits', () => {
  const ranges = rangesOf(4294967294, 0, 4294967295, 1)
  expect(formatCarry({ xids: ranges, incomplete: [] })).toBe('4294967294-1')
  expect([...eachXid(ranges)]).toEqual([4294967294, 4294967295, 0, 1])
})

test('ranges hold what was added and, while they are few, nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 4294967200, max: 4294967500 }), { maxLength: 100 }), (numbers) => {
      const xids = numbers.map((number) => number >>> 0)
      expect(new Set(eachXid(rangesOf(...xids)))).toEqual(new Set(xids))
    }),
  )
})

test('past the bound ranges are joined: too much is carried, never too little', () => {
  const xids = Array.from({ length: 1000 }, (_, index) => 1000 + index * 3)
  const ranges = rangesOf(...xids)
  expect(ranges.length).toBeLessThanOrEqual(128)
  expect(new Set(eachXid(ranges)).isSupersetOf(new Set(xids))).toBe(true)
})

test('only what is not visible is left', () => {
  expect(withoutVisible(rangesOf(1, 2, 3, 10, 11), { sees: (xid) => xid < 3 || xid === 10 })).toEqual(rangesOf(3, 11))
})

test('carries of several sinks are joined, and keys survive the text with their values', () => {
  const keys = [{ values: [5n, 'a', new Uint8Array([0, 255]), -0, NaN], everyone: false }]
  const one = { xids: rangesOf(5, 6), incomplete: [{ tableId: 9, version: 'v', keys }] }
  const joined = joinCarries([one, { xids: rangesOf(6, 7, 20), incomplete: [] }, EMPTY_CARRY])
  expect(parseCarry(formatCarry(joined))).toEqual({ xids: rangesOf(5, 6, 7, 20), incomplete: one.incomplete })
})

test('incomplete keys of one table, carried by several sinks, are all kept', () => {
  const of = (version: string, ...keys: number[]) => ({
    xids: [],
    incomplete: [{ tableId: 9, version, keys: keys.map((key) => ({ values: [key], everyone: false })) }],
  })
  const joined = joinCarries([of('v', 1, 2), of('v', 3)]).incomplete
  expect(joined).toHaveLength(1)
  expect(joined[0]?.keys?.map(({ values }) => values[0])).toEqual([1, 2, 3])
  expect(joinCarries([of('v', 1), of('w', 3)]).incomplete).toMatchObject([{ tableId: 9, keys: null }])
  expect(joinCarries([of('v', 1), { xids: [], incomplete: [{ tableId: 9, version: 'v', keys: null }] }]).incomplete).toMatchObject([
    { keys: null },
  ])
})
