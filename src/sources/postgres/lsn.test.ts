import { expect, test } from 'vitest'
import { lsnToPosition, passablePosition, positionToLsn } from './lsn.ts'

test('a position is 16 digits whose order is the log order', () => {
  expect(lsnToPosition('0/0')).toBe('0000000000000000')
  expect(lsnToPosition('16/b374d848')).toBe('00000016B374D848')
  expect(lsnToPosition('F/FFFFFFFF') < lsnToPosition('10/0')).toBe(true)
  expect(positionToLsn('00000016B374D848')).toBe('16/B374D848')
  expect(positionToLsn('0000000000000000:000000000001')).toBe('0/0')
})

test.each([
  ['0/1500018', '0000000001500000'],
  ['0/1502018', '0000000001502000'],
  ['0/1500028', '0000000001500000'],
  ['0/1502028', '0000000001502028'],
  ['0/1502020', '0000000001502020'],
  ['5/1502000', '0000000501502000'],
])('the insert position %s is passed at %s', (lsn, position) => {
  expect(passablePosition(lsn)).toBe(position)
})
