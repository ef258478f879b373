import { expect, test } from 'vitest'
import { bytesBetween, parsePosition } from './position-text.ts'

test.each([
  ['0/16B3748', '00000000016B3748'],
  ['1a/ff', '0000001A000000FF'],
  ['0000001a000000ff', '0000001A000000FF'],
  ['0000001A000000FF:00000000000a', '0000001A000000FF:00000000000A'],
])('reads %s as %s', (text, position) => expect(parsePosition(text)).toBe(position))

test.each(['', 'caughtup', '16B3748', '0/', '/1', '0/123456789', '0000001A000000FFF'])('refuses %j', (text) => {
  expect(() => parsePosition(text)).toThrow(expect.objectContaining({ code: 'POSITION_INVALID' }))
})

test('counts the bytes between two positions, inside a transaction too, never below none', () => {
  expect(bytesBetween('0000000000000010', '0000000100000010:00000000000A')).toBe(2 ** 32)
  expect(bytesBetween('0000000000000010', '0000000000000000')).toBe(0)
})
