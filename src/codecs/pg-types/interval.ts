import '../../lib/buffer-slices.ts'
import { formatFraction } from '../../values/calendar.ts'
import { expectLength } from './integers.ts'
import { malformed } from './malformed.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * interval: manual, "Interval Output" (intervalstyle iso_8601); datetime.c, `EncodeInterval`; timestamp.c, `interval_send`.
 *
 *   int64 microseconds, int32 days, int32 months
 *
 * Each part carries its own sign. Infinite ones, since 17, are all three parts at their extreme.
 */
const INT64_MAX = 0x7fff_ffff_ffff_ffffn
const INT64_MIN = -0x8000_0000_0000_0000n
const INT32_MAX = 0x7fffffff
const INT32_MIN = -0x80000000
const ISO = /^P(?=[-\d]|T[-\d])(?:-?\d+Y)?(?:-?\d+M)?(?:-?\d+D)?(?:T(?=[-\d])(?:-?\d+H)?(?:-?\d+M)?(?:-?\d+(?:\.\d{1,6})?S)?)?$/

export const decodeIntervalText: ValueDecoder = (buf, start, end) => {
  const text = buf.latin1Slice(start, end)
  if (!ISO.test(text) && text !== 'infinity' && text !== '-infinity') throw malformed(start, 'it is no interval in ISO-8601')
  return text
}

export const decodeIntervalBinary: ValueDecoder = (buf, start, end) => {
  expectLength(start, end, 16)
  const us = buf.readBigInt64BE(start)
  const days = buf.readInt32BE(start + 8)
  const months = buf.readInt32BE(start + 12)
  if (us === INT64_MAX && days === INT32_MAX && months === INT32_MAX) return 'infinity'
  if (us === INT64_MIN && days === INT32_MIN && months === INT32_MIN) return '-infinity'
  if (us === 0n && days === 0 && months === 0) return 'PT0S'
  const date = part(Math.trunc(months / 12), 'Y') + part(months % 12, 'M') + part(days, 'D')
  return `P${date}${us === 0n ? '' : formatClock(us)}`
}

/** Division of bigints truncates towards zero, as C's does: all parts have the sign of the whole. */
function formatClock(us: bigint): string {
  const hours = us / 3_600_000_000n
  const rest = Number(us % 3_600_000_000n)
  const minutes = Math.trunc(rest / 60_000_000)
  const seconds = rest % 60_000_000
  return `T${hours === 0n ? '' : `${hours}H`}${part(minutes, 'M')}${seconds === 0 ? '' : formatSeconds(seconds)}`
}

function formatSeconds(us: number): string {
  const size = Math.abs(us)
  return `${us < 0 ? '-' : ''}${Math.floor(size / 1_000_000)}${formatFraction(size % 1_000_000)}S`
}

function part(number: number, unit: string): string {
  return number === 0 ? '' : `${number}${unit}`
}
