import type { Value } from '../../contracts/table.ts'
import { parseDay, parseTime, parseTimestamp } from '../../values/calendar.ts'
import { createTimestampParser } from '../../values/micros-of-text.ts'
import { INT64, type ConnectSchema } from '../connect/schema.ts'
import { named, type ColumnForm, type FormContext } from './column-form.ts'

const INT32: ConnectSchema = { type: 'int32', optional: false }
const DEBEZIUM = 'io.debezium.time'
const CONNECT = 'org.apache.kafka.connect.data'
/** Where a column sets no precision, microseconds. */
const FULL = 6

/** Days since 1970-01-01. Infinities are the extremes of int32. */
export function dateForm({ options }: FormContext): ColumnForm {
  const mode = options['time.precision.mode']
  if (mode === 'isostring') return isoForm('IsoDate')
  const text = (value: Value): string => String(parseDay(value as string) ?? (value === 'infinity' ? 2_147_483_647 : -2_147_483_648)) // text, by the value model
  return { schema: named(mode === 'connect' ? `${CONNECT}.Date` : `${DEBEZIUM}.Date`, INT32), text, unavailable: null }
}

/** Since midnight; `24:00:00` is a whole day. */
export function timeForm({ options, modifier }: FormContext): ColumnForm {
  const micros = (value: Value): number => parseTime(value as string) ?? 0 // a canonical time: text that parses
  const form = (name: string, type: ConnectSchema, text: (value: Value) => string): ColumnForm => ({
    schema: named(name, type),
    text,
    unavailable: null,
  })
  const millis = (value: Value): string => String(Math.floor(micros(value) / 1000))
  switch (options['time.precision.mode']) {
    case 'isostring':
      return isoForm('IsoTime')
    case 'connect':
      return form(`${CONNECT}.Time`, INT32, millis)
    case 'nanoseconds':
      return form(`${DEBEZIUM}.NanoTime`, INT64, (value) => thousandfold(String(micros(value))))
    case 'adaptive':
      if (precisionOf(modifier) <= 3) return form(`${DEBEZIUM}.Time`, INT32, millis)
  }
  return form(`${DEBEZIUM}.MicroTime`, INT64, (value) => String(micros(value)))
}

/** Since 1970-01-01T00:00:00, as if it were UTC. */
export function timestampForm(context: FormContext): ColumnForm {
  const { options, modifier } = context
  const mode = options['time.precision.mode']
  if (mode === 'isostring') return isoForm('IsoTimestamp')
  const micros = createMicros()
  const form = (name: string, text: (value: Value) => string): ColumnForm => ({ schema: named(name, INT64), text, unavailable: null })
  const millis = (value: Value): string => {
    const us = micros(value)
    if (typeof us === 'number') return String(Math.floor(us / 1000))
    return String((us - (((us % 1000n) + 1000n) % 1000n)) / 1000n)
  }
  if (mode === 'connect') return form(`${CONNECT}.Timestamp`, millis)
  if (mode === 'nanoseconds') return form(`${DEBEZIUM}.NanoTimestamp`, nanosText(micros, context))
  if (mode !== 'microseconds' && precisionOf(modifier) <= 3) return form(`${DEBEZIUM}.Timestamp`, millis)
  return form(`${DEBEZIUM}.MicroTimestamp`, (value) => {
    const us = micros(value)
    return us > LARGEST ? context.misfit('a time past 64 bits of microseconds', 'Set `time.precision.mode` to `isostring`') : String(us)
  })
}

export function precisionOf(modifier: number): number {
  return modifier < 0 ? FULL : modifier
}

/** What pgjdbc and Debezium make of the infinities, in microseconds. */
const INFINITY = 9_223_372_036_825_200_000n
const MINUS_INFINITY = -9_223_372_036_832_400_000n
const LARGEST = 9_223_372_036_854_775_807n
const LARGEST_NANOS = 9_223_372_036_854_775n

type Micros = (value: Value) => number | bigint

/** Numbers where they are exact, up to the year 2255. */
function createMicros(): Micros {
  const parse = createTimestampParser(0)
  return (value) => {
    const text = value as string // by the value model
    const us = parse(text)
    if (Number.isSafeInteger(us)) return us
    if (text === 'infinity') return INFINITY
    return parseTimestamp(text) ?? MINUS_INFINITY
  }
}

function nanosText(micros: Micros, { misfit }: FormContext): (value: Value) => string {
  return (value) => {
    const us = BigInt(micros(value))
    if (us === INFINITY) return '9223372036854775807'
    if (us === MINUS_INFINITY) return '-9223372036854775808'
    if (us > LARGEST_NANOS || us < -LARGEST_NANOS)
      return misfit('a time past the years 1677 to 2262', 'Set `time.precision.mode` to `microseconds` or `adaptive`')
    return thousandfold(String(us))
  }
}

function thousandfold(digits: string): string {
  return digits === '0' ? '0' : `${digits}000`
}

/** Canonical text with the mark of UTC; infinities are their own words. */
function isoForm(name: string): ColumnForm {
  return { schema: named(`${DEBEZIUM}.${name}`), text: (value) => `"${value as string}${isInfinite(value) ? '' : 'Z'}"`, unavailable: null } // text, by the value model
}

function isInfinite(value: Value): boolean {
  return value === 'infinity' || value === '-infinity'
}
