import '../../lib/buffer-slices.ts'
import { formatTime, two, US_PER_DAY } from '../../values/calendar.ts'
import { expectLength } from './integers.ts'
import { malformed } from './malformed.ts'
import type { ValueDecoder } from './value-decoder.ts'

/** time and timetz: manual, "Times"; date.c, `time_send`, `timetz_send`; datetime.c, `EncodeTimeOnly`, `EncodeTimezone`. */
const TIME = /^\d\d:\d\d:\d\d(?:\.\d{1,6})?$/
const TIMETZ = /^(\d\d:\d\d:\d\d(?:\.\d{1,6})?)([+-]\d\d)(:\d\d)?(:\d\d)?$/

export const decodeTimeText: ValueDecoder = (buf, start, end) => {
  const text = buf.latin1Slice(start, end)
  if (!TIME.test(text)) throw malformed(start, 'it is no time')
  return text
}

/** The server leaves out `:00` of an offset's minutes; canonical offsets always have hours and minutes. */
export const decodeTimetzText: ValueDecoder = (buf, start, end) => {
  const [, time, hours, minutes, seconds] = TIMETZ.exec(buf.latin1Slice(start, end)) ?? []
  if (time === undefined || hours === undefined) throw malformed(start, 'it is no timetz')
  return time + hours + (minutes ?? ':00') + (seconds ?? '')
}

export const decodeTimeBinary: ValueDecoder = (buf, start, end) => {
  expectLength(start, end, 8)
  return formatTime(readTime(buf, start))
}

/** int64 microseconds, int32 seconds west of Greenwich. */
export const decodeTimetzBinary: ValueDecoder = (buf, start, end) => {
  expectLength(start, end, 12)
  return formatTime(readTime(buf, start)) + formatOffset(-buf.readInt32BE(start + 8))
}

function readTime(buf: Buffer, start: number): number {
  const us = buf.readInt32BE(start) * 4_294_967_296 + buf.readUInt32BE(start + 4)
  if (us < 0 || us > US_PER_DAY) throw malformed(start, 'a time lies outside its day')
  return us
}

function formatOffset(eastSeconds: number): string {
  const seconds = Math.abs(eastSeconds)
  const minutes = Math.floor(seconds / 60)
  const text = `${eastSeconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
  return seconds % 60 === 0 ? text : `${text}:${two(seconds % 60)}`
}
