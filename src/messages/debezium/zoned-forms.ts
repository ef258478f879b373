import { formatTime, parseTime, US_PER_DAY } from '../../values/calendar.ts'
import { named, type ColumnForm, type FormContext } from './column-form.ts'
import { precisionOf } from './temporal-forms.ts'

/** In UTC, with as many digits behind the second as the column has; none where it has none. Infinities are their own words. */
export function zonedTimestampForm({ modifier }: FormContext): ColumnForm {
  const digits = precisionOf(modifier)
  const full = SECONDS + (digits > 0 ? digits + 1 : 0)
  const text = (canonical: string): string => {
    if (canonical.length === full + 1) return `"${canonical}"`
    if (!canonical.endsWith('Z') || digits === 0) return `"${canonical}"`
    const body = canonical.slice(0, -1)
    const point = body.indexOf('.')
    return point < 0 ? `"${body}.${'0'.repeat(digits)}Z"` : `"${body}${'0'.repeat(digits - (body.length - point - 1))}Z"`
  }
  const putText: ColumnForm['putText'] = (from, length, out, at) => putZoned(from, length, { digits, out, at })
  return { schema: named('io.debezium.time.ZonedTimestamp'), text: (value) => text(value as string), putText, unavailable: null } // text, by the value model
}

/** The same for a year of four digits and at least one behind the second. */
function putZoned(from: Uint8Array, length: number, { digits, out, at }: { digits: number; out: Uint8Array; at: number }): number {
  if (digits === 0 || length < SECONDS + 1 || length > SECONDS + digits + 2 || from[4] !== 0x2d || from[10] !== 0x54) return -1
  out[at++] = 0x22
  for (let i = 0; i < length - 1; i++) out[at++] = from[i] as number // i < length
  if (length === SECONDS + 1) out[at++] = 0x2e
  for (let i = Math.max(length - 2 - SECONDS, 0); i < digits; i++) out[at++] = 0x30
  out[at] = 0x5a
  out[at + 1] = 0x22
  return at + 2
}

/** The length of `2026-11-20T01:02:03`. */
const SECONDS = 19

const ZONED = /^(\d\d:\d\d:\d\d(?:\.\d+)?)([+-])(\d\d):(\d\d)(?::(\d\d))?$/

/** Moved to UTC; the day that the move may pass is not told. */
export function zonedTimeForm(_context: FormContext): ColumnForm {
  return { schema: named('io.debezium.time.ZonedTime'), text: (value) => `"${inUtc(value as string)}Z"`, unavailable: null } // text, by the value model
}

function inUtc(text: string): string {
  const [, clock = '', sign, hours, minutes, seconds = 0] = ZONED.exec(text) ?? []
  const offset = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * (sign === '-' ? -1_000_000 : 1_000_000)
  if (offset === 0) return clock
  return formatTime(((((parseTime(clock) ?? 0) - offset) % US_PER_DAY) + US_PER_DAY) % US_PER_DAY) // canonical: it parses
}
