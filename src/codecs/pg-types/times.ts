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
  return formatTime(readTime(buf, start)) + formatOffset(-buf.readInt32BE(start + 8), start + 8)
}

/** Writes the microseconds of a day as `formatTime` does; returns where it ends. */
export function writeTime(us: number, out: Uint8Array, at: number): number {
  const seconds = Math.floor(us / 1_000_000)
  const minutes = (seconds / 60) | 0
  const hours = (minutes / 60) | 0
  writeTwo(hours, out, at)
  out[at + 2] = 58
  writeTwo(minutes - hours * 60, out, at + 3)
  out[at + 5] = 58
  writeTwo(seconds - minutes * 60, out, at + 6)
  const fraction = us - seconds * 1_000_000
  return fraction === 0 ? at + 8 : writeFraction(fraction, out, at + 8)
}

function writeFraction(us: number, out: Uint8Array, at: number): number {
  out[at] = 46
  writeTwo((us / 10_000) | 0, out, at + 1)
  writeTwo(((us / 100) | 0) % 100, out, at + 3)
  writeTwo(us % 100, out, at + 5)
  let end = at + 7
  while (out[end - 1] === 48) end--
  return end
}

function writeTwo(number: number, out: Uint8Array, at: number): void {
  const tens = (number / 10) | 0
  out[at] = 48 + tens
  out[at + 1] = 48 + number - tens * 10
}

function readTime(buf: Buffer, start: number): number {
  const us = buf.readInt32BE(start) * 4_294_967_296 + buf.readUInt32BE(start + 4)
  if (us < 0 || us > US_PER_DAY) throw malformed(start, 'a time lies outside its day')
  return us
}

function formatOffset(eastSeconds: number, at: number): string {
  const seconds = Math.abs(eastSeconds)
  if (seconds >= 16 * 3600) throw malformed(at, 'the offset of a time exceeds 16 hours')
  const minutes = Math.floor(seconds / 60)
  const text = `${eastSeconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
  return seconds % 60 === 0 ? text : `${text}:${two(seconds % 60)}`
}
