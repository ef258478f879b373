import { expect, test } from 'vitest'
import { formatBytes, formatCount, formatDuration, parseDurationMs, parseSizeBytes } from './units.ts'

test.each([
  ['5s', 5000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['2 m', 120_000],
  ['1h', 3_600_000],
  ['5', null],
  ['s', null],
  ['-1s', null],
  ['5sec', null],
  ['5toString', null],
])('reads the duration %s as %s', (text, ms) => expect(parseDurationMs(text)).toBe(ms))

test.each([
  ['10MB', 10 * 1024 * 1024],
  ['1kB', 1024],
  ['1KB', 1024],
  ['0.5GB', 512 * 1024 * 1024],
  ['7B', 7],
  ['10', null],
  ['10mb', null],
  ['', null],
])('reads the size %s as %s', (text, bytes) => expect(parseSizeBytes(text)).toBe(bytes))

test('prints quantities for people', () => {
  expect([0, 1023, 10 * 1024 * 1024, 5.5 * 1024 ** 3].map(formatBytes)).toEqual(['0 B', '1023 B', '10.0 MB', '5.5 GB'])
  expect([12, 1500, 42_000, 60_000, 93_000, 119_700, 7_200_000, 7_260_000].map(formatDuration)).toEqual([
    '12 ms',
    '1.5 s',
    '42 s',
    '1 m',
    '1 m 33 s',
    '2 m',
    '2 h',
    '2 h 1 m',
  ])
  expect([0, 999, 1_234_567].map(formatCount)).toEqual(['0', '999', '1 234 567'])
})
