import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formatDay, formatTime, formatTimestampUs, parseDay, parseTime, parseTimestamp, US_PER_DAY } from './calendar.ts'

const FIRST_DAY = -2_440_588
const LAST_DAY = 2_145_042_905

it.each([
  [0, '1970-01-01'],
  [-1, '1969-12-31'],
  [11_016, '2000-02-29'],
  [-719_162, '0001-01-01'],
  [-719_163, '0000-12-31'],
  [-735_160, '-0043-03-15'],
  [FIRST_DAY, '-4713-11-24'],
  [2_932_896, '9999-12-31'],
  [2_932_897, '+10000-01-01'],
  [LAST_DAY, '+5874897-12-31'],
])('writes day %i as %s and reads it again', (days, text) => {
  expect(formatDay(days)).toBe(text)
  expect(parseDay(text)).toBe(days)
})

it('agrees with the Date of JavaScript wherever that reaches', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (days) => {
      const iso = new Date(days * 86_400_000).toISOString()
      const [, sign = '', year = '', rest = ''] = /^([+-]?)(\d+)(-\d\d-\d\d)T/.exec(iso) ?? []
      const trimmed = year.replace(/^0+(?=\d{4})/, '')
      return formatDay(days) === (trimmed.length > 4 && sign !== '-' ? '+' : sign) + trimmed + rest
    }),
    { numRuns: 5000 },
  )
})

it('reads back every day and moment it writes', () => {
  fc.assert(fc.property(fc.integer({ min: FIRST_DAY, max: LAST_DAY }), (days) => parseDay(formatDay(days)) === days))
  fc.assert(fc.property(fc.integer({ min: 0, max: US_PER_DAY }), (us) => parseTime(formatTime(us)) === us))
  const moments = fc.bigInt({ min: -210_866_803_200_000_000n, max: 9_224_318_015_999_999_999n })
  fc.assert(fc.property(moments, (us) => parseTimestamp(formatTimestampUs(us)) === us))
})

it.each([
  [0, '00:00:00'],
  [1, '00:00:00.000001'],
  [3_723_500_000, '01:02:03.5'],
  [86_399_999_999, '23:59:59.999999'],
  [86_400_000_000, '24:00:00'],
])('writes %i microseconds as %s', (us, text) => {
  expect(formatTime(us)).toBe(text)
})

it('reads timestamps with and without the mark of UTC', () => {
  expect(parseTimestamp('1970-01-01T00:00:01.5Z')).toBe(1_500_000n)
  expect(parseTimestamp('1970-01-01T00:00:01.5')).toBe(1_500_000n)
})

it.each(['infinity', '-infinity', '', '2026-13-01', '2026-1-1', '2026-11-20 00:00:00'])(
  'takes %j for no finite date or timestamp',
  (text) => {
    expect(parseDay(text)).toBeNull()
    expect(parseTimestamp(text)).toBeNull()
  },
)
