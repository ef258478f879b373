import '../../lib/buffer-slices.ts'
import { formatDay, formatYear, US_PER_DAY } from '../../values/calendar.ts'
import { expectLength } from './integers.ts'
import { malformed } from './malformed.ts'
import { writeTime } from './times.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * date, timestamp, timestamptz: manual, "Date/Time Types"; datetime.c, `EncodeDateOnly`, `EncodeDateTime`.
 * Text is of datestyle ISO in the zone UTC: `2026-11-20 01:02:03.5+00`, `0044-03-15 BC`. Binary counts days or
 * microseconds from 2000-01-01, the extremes being the infinities.
 */
export const DAYS_FROM_1970_TO_2000 = 10_957
const INT32_MAX = 0x7fffffff
const INT32_MIN = -0x80000000
const TWO_32 = 4_294_967_296
const BIG_DAY = BigInt(US_PER_DAY)

const FIRST_DAY = -2_451_545
const FIRST_US = BigInt(FIRST_DAY) * BIG_DAY
/** 294276-12-31 23:59:59.999999 */
const LAST_US = 9_223_371_331_199_999_999n

const PATTERN = Buffer.from('0000-00-00 00:00:00')
const SLOW = /^(\d{4,7})(-\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d{1,6})?)(\+00)?)?( BC)?$/

export const decodeDateText: ValueDecoder = (buf, start, end) => {
  if (end - start === 10 && matchesPattern(buf, start, 10)) return buf.latin1Slice(start, end)
  return decodeSlowly(buf, start, end, 'date')
}

export function createTimestampTextDecoder(kind: 'timestamp' | 'timestamptz'): ValueDecoder {
  const scratch = Buffer.allocUnsafe(32)
  const zone = kind === 'timestamptz' ? 3 : 0
  return (buf, start, end) => {
    const length = end - start - zone
    if (length < 19 || length > 26 || !matchesPattern(buf, start, 19) || !endsWell(buf, start + 19, end, zone)) {
      return decodeSlowly(buf, start, end, kind)
    }
    for (let i = 0; i < length; i++) scratch[i] = buf[start + i] as number
    scratch[10] = 84
    if (zone === 0) return scratch.latin1Slice(0, length)
    scratch[length] = 90
    return scratch.latin1Slice(0, length + 1)
  }
}

export const decodeDateBinary: ValueDecoder = (buf, start, end) => {
  expectLength(start, end, 4)
  const days = buf.readInt32BE(start)
  if (days === INT32_MAX) return 'infinity'
  if (days === INT32_MIN) return '-infinity'
  expectDay(days, start)
  return formatDay(days + DAYS_FROM_1970_TO_2000)
}

/** Neighbouring rows mostly share their day: its text stays in the scratch, and only the time is written anew. */
export function createTimestampBinaryDecoder(kind: 'timestamp' | 'timestamptz'): ValueDecoder {
  const scratch = Buffer.allocUnsafe(40)
  const hasZone = kind === 'timestamptz'
  let lastDay = Number.NaN
  let timeAt = 0
  const format = (day: number, usOfDay: number) => {
    if (day !== lastDay) {
      timeAt = scratch.latin1Write(`${formatDay(day + DAYS_FROM_1970_TO_2000)}T`, 0, 40)
      lastDay = day
    }
    let end = writeTime(usOfDay, scratch, timeAt)
    if (hasZone) scratch[end++] = 90
    return scratch.latin1Slice(0, end)
  }
  return (buf, start, end) => {
    expectLength(start, end, 8)
    const high = buf.readInt32BE(start)
    const low = buf.readUInt32BE(start + 4)
    if (high === INT32_MAX && low === TWO_32 - 1) return 'infinity'
    if (high === INT32_MIN && low === 0) return '-infinity'
    // Within 2^21 the sum stays below 2^53 and doubles are exact (285 years around 2000).
    if (high < 0x200000 && high >= -0x200000) {
      const us = high * TWO_32 + low
      const day = Math.floor(us / US_PER_DAY)
      return format(day, us - day * US_PER_DAY)
    }
    const us = buf.readBigInt64BE(start)
    if (us < FIRST_US || us > LAST_US) throw malformed(start, 'a timestamp lies outside the range of its type')
    const rest = ((us % BIG_DAY) + BIG_DAY) % BIG_DAY
    return format(Number((us - rest) / BIG_DAY), Number(rest))
  }
}

/** Days from 2000 that the type can hold: 4714-11-24 BC to 5874897-12-31. */
export function expectDay(days: number, at: number): void {
  if (days < FIRST_DAY || days > 2_145_031_948) throw malformed(at, 'a date lies outside the range of its type')
}

/** Whether the first bytes look like the pattern, a digit for each 0. */
export function matchesPattern(buf: Uint8Array, start: number, length: number): boolean {
  for (let i = 0; i < length; i++) {
    const wanted = PATTERN[i] as number
    const byte = buf[start + i] as number
    if (wanted === 48 ? !(byte >= 48 && byte <= 57) : byte !== wanted) return false
  }
  return true
}

/** A fraction or nothing, then `+00` where there is a zone. */
function endsWell(buf: Buffer, at: number, end: number, zone: number): boolean {
  const stop = end - zone
  if (zone !== 0 && (buf[stop] !== 43 || buf[stop + 1] !== 48 || buf[stop + 2] !== 48)) return false
  if (at === stop) return true
  if (buf[at] !== 46 || at + 1 === stop) return false
  for (let i = at + 1; i < stop; i++) {
    const byte = buf[i] as number
    if (!(byte >= 48 && byte <= 57)) return false
  }
  return true
}

function decodeSlowly(buf: Buffer, start: number, end: number, kind: 'date' | 'timestamp' | 'timestamptz'): string {
  const text = buf.latin1Slice(start, end)
  if (text === 'infinity' || text === '-infinity') return text
  const match = SLOW.exec(text)
  const [, year, day, time, zone, bc] = match ?? []
  if (!year || !day || (kind === 'date') === (time !== undefined) || (kind === 'timestamptz') !== (zone !== undefined)) {
    throw malformed(start, `it is no ${kind}`)
  }
  const date = formatYear(bc ? 1 - Number(year) : Number(year)) + day
  return time === undefined ? date : `${date}T${time}${zone ? 'Z' : ''}`
}
