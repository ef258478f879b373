import { expect, test } from 'vitest'
import { parseSnapshot, visibleBefore } from './visibility.ts'

test('sees what ended before xmax and is not in progress', () => {
  const snapshot = parseSnapshot('100:110:100,105')
  expect([99, 101, 109].every(snapshot.sees)).toBe(true)
  expect([100, 105, 110, 111].some(snapshot.sees)).toBe(false)
})

test('orders ids across the wrap of 32 bits', () => {
  const base = 2n ** 32n
  const snapshot = parseSnapshot(`${base - 5n}:${base + 10n}:${base - 5n},${base + 3n}`)
  expect(snapshot.sees(0xffffffff)).toBe(true)
  expect(snapshot.sees(0xfffffffb)).toBe(false)
  expect(snapshot.sees(3)).toBe(false)
  expect(snapshot.sees(9)).toBe(true)
  expect(snapshot.sees(10)).toBe(false)
  expect(snapshot.sees(4_000_000_000)).toBe(true)
})

test('finds the transactions that a logical snapshot sees and a fresh one does not', () => {
  expect(visibleBefore(parseSnapshot('100:110:104'), parseSnapshot('101:112:101,104,108,111'))).toEqual([101, 108])
  expect(visibleBefore(parseSnapshot('100:110:'), parseSnapshot('115:115:'))).toEqual([])
})
