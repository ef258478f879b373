import type { Value } from '../../contracts/table.ts'
import { INT64 } from '../connect/schema.ts'
import { named, type ColumnForm, type FormContext } from './column-form.ts'

/** 365.25 / 12 days: a whole number of microseconds. */
const US_PER_MONTH = 2_629_800_000_000n
const US_PER_DAY = 86_400_000_000n
const MAX = 9_223_372_036_854_775_807n

const PARTS = /^P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d+))?S)?)?$/

/** Infinite ones (from Postgres 17 on): the extremes of int64; as text their own words. */
export function intervalForm({ options, misfit }: FormContext): ColumnForm {
  if (options['interval.handling.mode'] === 'string')
    return { schema: named('io.debezium.time.Interval'), text: (value) => `"${fullText(value as string)}"`, unavailable: null } // text, by the value model
  const text = (value: Value): string => {
    const us = microseconds(value as string) // as above
    return us > MAX || us < -MAX - 1n ? misfit('a span past 64 bits of microseconds', 'Set `interval.handling.mode` to `string`') : `${us}`
  }
  return { schema: named('io.debezium.time.MicroDuration', INT64), text, unavailable: null }
}

/** Every part, also where it is zero: `P0Y0M0DT0H0M0S`. */
function fullText(text: string): string {
  const parts = PARTS.exec(text)
  if (!parts) return text
  const [, years = '0', months = '0', days = '0', hours = '0', minutes = '0', sign = '', seconds = '0', fraction = ''] = parts
  const tail = fraction.replace(/0+$/, '')
  return `P${years}Y${months}M${days}DT${hours}H${minutes}M${sign}${seconds}${tail && `.${tail}`}S`
}

function microseconds(text: string): bigint {
  const parts = PARTS.exec(text)
  if (!parts) return text.startsWith('-') ? -MAX - 1n : MAX
  const [, years = '0', months = '0', days = '0', hours = '0', minutes = '0', sign = '', seconds = '0', fraction = ''] = parts
  const clock = (BigInt(hours) * 60n + BigInt(minutes)) * 60_000_000n
  const small = BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, '0'))
  return (BigInt(years) * 12n + BigInt(months)) * US_PER_MONTH + BigInt(days) * US_PER_DAY + clock + (sign === '' ? small : -small)
}
