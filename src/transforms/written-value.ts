import type { LogicalType, Value } from '../contracts/table.ts'
import { formatDay, formatTime, formatTimestampUs, parseDay, parseTime, parseTimestamp } from '../values/calendar.ts'

/** A value as a configuration writes it. */
export type Written = string | number | boolean

/** The canonical value of a type that a configuration writes, or what is wrong with it, in words that follow on `which is …:`. */
export function readWritten(type: LogicalType, written: Written): { value: Value } | { fault: string } {
  const value = READERS[type.kind]?.(written, type) ?? null
  if (value !== null) return { value }
  const what = WORDS[type.kind]
  return { fault: what === undefined ? 'no value of it can be written here' : `the value must be ${what}` }
}

const WORDS: Partial<Record<LogicalType['kind'], string>> = {
  boolean: 'true or false',
  int16: 'a whole number within its range',
  int32: 'a whole number within its range',
  uint32: 'a whole number within its range',
  int64: 'a whole number within its range, in quotes past 9007199254740991',
  float32: 'a number, or "NaN", "Infinity", "-Infinity"',
  float64: 'a number, or "NaN", "Infinity", "-Infinity"',
  decimal: 'a decimal number with no more digits after the point than the column has, best in quotes',
  text: 'text (in quotes, where it looks like a number), and one of its labels where it is an enum',
  unknown: 'text as the server prints it',
  uuid: 'a UUID',
  bits: 'text of 0 and 1',
  date: 'a date such as 2026-11-20, or infinity, -infinity',
  time: 'a time such as 01:02:03.5',
  timestamp: 'a timestamp such as 2026-11-20T01:02:03.5, or infinity, -infinity',
  timestamptz: 'a timestamp in UTC such as 2026-11-20T01:02:03.5Z, or infinity, -infinity',
  timetz: 'a time with its offset such as 01:02:03+05:30',
  interval: 'an interval such as P1DT2H',
  json: 'JSON as text',
}

type Reader = (written: Written, type: LogicalType) => Value

const READERS: Partial<Record<LogicalType['kind'], Reader>> = {
  boolean: (written) => (typeof written === 'boolean' ? written : null),
  int16: (written) => within(written, -(2n ** 15n), 2n ** 15n - 1n, Number),
  int32: (written) => within(written, -(2n ** 31n), 2n ** 31n - 1n, Number),
  uint32: (written) => within(written, 0n, 2n ** 32n - 1n, Number),
  int64: (written) => within(written, -(2n ** 63n), 2n ** 63n - 1n, (value) => value),
  float32: (written) => floatOf(written, Math.fround),
  float64: (written) => floatOf(written, (value) => value),
  decimal: (written, type) => decimalOf(written, type as LogicalType & { kind: 'decimal' }),
  text: (written, type) => (typeof written === 'string' && isLabel(written, type) ? written : null),
  unknown: textLike(/^/),
  uuid: (written) => (typeof written === 'string' && UUID.test(written) ? written.toLowerCase() : null),
  bits: textLike(/^[01]*$/),
  timetz: textLike(/^\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d(:\d\d)?$/),
  interval: textLike(/^(P[-0-9YMWDTHS.]+|-?infinity)$/),
  date: (written) => moment(written, (text) => format(parseDay(text), formatDay)),
  time: (written) => (typeof written === 'string' ? format(parseTime(written), formatTime) : null),
  timestamp: (written) => moment(written, (text) => (text.endsWith('Z') ? null : format(parseTimestamp(text), formatTimestampUs))),
  timestamptz: (written) =>
    moment(written, (text) => (text.endsWith('Z') ? format(parseTimestamp(text), (us) => `${formatTimestampUs(us)}Z`) : null)),
  json: (written) => (typeof written === 'string' && isJson(written) ? written : null),
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function textLike(pattern: RegExp): Reader {
  return (written) => (typeof written === 'string' && pattern.test(written) ? written : null)
}

// oxlint-disable-next-line max-params -- a range and what becomes of it
function within<T extends Value>(written: Written, first: bigint, last: bigint, as: (value: bigint) => T): T | null {
  const isWhole = typeof written === 'number' ? Number.isSafeInteger(written) : typeof written === 'string' && /^-?\d{1,20}$/.test(written)
  if (!isWhole) return null
  const value = BigInt(written)
  return value >= first && value <= last ? as(value) : null
}

function floatOf(written: Written, round: (value: number) => number): number | null {
  if (typeof written === 'number') return isExact(written, round) ? written : null
  if (typeof written !== 'string' || !/^(NaN|-?Infinity|-?\d+(\.\d+)?(e[+-]?\d+)?)$/i.test(written)) return null
  return Number(written)
}

/** A real is the number that its shortest decimal names: any decimal that it can be near to will do, but not one past its range. */
function isExact(value: number, round: (value: number) => number): boolean {
  return Number.isFinite(round(value)) || !Number.isFinite(value)
}

/** With as many digits after the point as the column has. */
function decimalOf(written: Written, { scale }: LogicalType & { kind: 'decimal' }): string | null {
  if (typeof written === 'boolean') return null
  const text = String(written)
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return text
  const [, whole, fraction = ''] = /^(-?\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (whole === undefined || (scale !== null && fraction.length > Math.max(scale, 0))) return null
  const digits = scale === null ? fraction : fraction.padEnd(Math.max(scale, 0), '0')
  return digits === '' ? whole : `${whole}.${digits}`
}

function moment(written: Written, read: (text: string) => string | null): string | null {
  if (typeof written !== 'string') return null
  return written === 'infinity' || written === '-infinity' ? written : read(written)
}

function format<T>(parsed: T | null, write: (value: T) => string): string | null {
  return parsed === null ? null : write(parsed)
}

function isLabel(text: string, type: LogicalType): boolean {
  return type.kind !== 'text' || type.labels === undefined || type.labels.includes(text)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
