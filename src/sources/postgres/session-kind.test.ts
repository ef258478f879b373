import { expect, test } from 'vitest'
import { mismatchOf, roundsOf } from './session-kind.ts'
import type { SessionWanted } from './source-url.ts'

const primary = new Map([
  ['in_hot_standby', 'off'],
  ['default_transaction_read_only', 'off'],
])
const readOnly = new Map([...primary, ['default_transaction_read_only', 'on']])
const standby = new Map([...primary, ['in_hot_standby', 'on']])

test.each<[SessionWanted, boolean, boolean, boolean]>([
  ['any', true, true, true],
  ['read-write', true, false, false],
  ['read-only', false, true, true],
  ['primary', true, true, false],
  ['standby', false, false, true],
])('%s: a primary %s, a read-only one %s, a standby %s', (wanted, ...fits) => {
  expect([primary, readOnly, standby].map((reported) => mismatchOf(wanted, reported) === null)).toEqual(fits)
})

test('a standby is looked for everywhere before any other server is taken', () => {
  expect(roundsOf('prefer-standby')).toEqual(['standby', 'any'])
  expect(roundsOf('primary')).toEqual(['primary'])
})
