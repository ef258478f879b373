import { expect, test } from 'vitest'
import { MillraceError } from '../errors/millrace-error.ts'
import { retryDelayMs, retryLevel, shouldRetry } from './retry.ts'

test('waits at most twice as long each time, from 100 ms to 30 s, and any part of it', () => {
  expect([0, 1, 2, 8, 9, 1000].map((attempt) => retryDelayMs(attempt, 1))).toEqual([100, 200, 400, 25_600, 30_000, 30_000])
  expect(retryDelayMs(5, 0)).toBe(0)
  expect(retryDelayMs(1000, 1, 'source')).toBe(5000)
})

test('gets louder', () => expect([0, 2, 3, 7, 8, 99].map(retryLevel)).toEqual(['info', 'info', 'warn', 'warn', 'error', 'error']))

test.each([
  ['SOURCE_LOST', true, 1e9, true],
  ['SOURCE_UNREACHABLE', true, 1e9, true],
  ['SOURCE_UNREACHABLE', false, 9_999, true],
  ['SOURCE_UNREACHABLE', false, 10_000, false],
  ['SINK_IO', false, 1e9, true],
  ['SLOT_IN_USE', true, 0, false],
  ['SOURCE_AUTH', true, 0, false],
  ['SINK_VALUE', true, 0, false],
  ['BUG', true, 0, false],
] as const)('%s with an earlier success %s, failing for %d ms: %s', (code, hadSuccess, failingMs, expected) => {
  expect(shouldRetry({ error: new MillraceError(code), hadSuccess, failingMs })).toBe(expected)
})
