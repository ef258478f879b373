/**
 * Days and microseconds since 1970-01-01 ⇄ canonical text (docs/specs/values.md): proleptic Gregorian, ISO-8601,
 * years before 1 as astronomical years (`0000` is 1 BC), years past 9999 with `+`, fractions without trailing zeros.
 * Days are numbers, microseconds since 1970 bigints, microseconds of a day numbers. Infinities are the callers' business.
 */

export const US_PER_DAY = 86_400_000_000
const DATE = /^([+-]?\d{4,7})-(\d\d)-(\d\d)$/
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/

/** Algorithm: Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days. */
export function formatDay(days: number): string {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = ((dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)) / 365) | 0
  const dayOfYear = dayOfEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0))
  const marchMonth = ((5 * dayOfYear + 2) / 153) | 0
  const day = dayOfYear - (((153 * marchMonth + 2) / 5) | 0) + 1
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${formatYear(year)}-${two(month)}-${two(day)}`
}

/** Days since 1970-01-01; null where the text is no finite canonical date. */
export function parseDay(text: string): number | null {
  const match = DATE.exec(text)
  if (!match) return null
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (month < 1 || month > 12 || day < 1 || day > 31) return null
  const marchYear = month <= 2 ? year - 1 : year
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** Microseconds of a day, 0 to 24 hours inclusive. */
export function formatTime(us: number): string {
  const seconds = Math.floor(us / 1_000_000)
  const minutes = (seconds / 60) | 0
  const clock = `${two((minutes / 60) | 0)}:${two(minutes % 60)}:${two(seconds % 60)}`
  return clock + formatFraction(us - seconds * 1_000_000)
}

/** Microseconds of a day; null where the text is no canonical time. */
export function parseTime(text: string): number | null {
  const match = TIME.exec(text)
  if (!match) return null
  const seconds = (Number(match[1]) * 60 + Number(match[2])) * 60 + Number(match[3])
  return seconds * 1_000_000 + Number((match[4] ?? '').padEnd(6, '0'))
}

/** Without zone mark: timestamptz adds its `Z`. */
export function formatTimestamp(days: number, usOfDay: number): string {
  return `${formatDay(days)}T${formatTime(usOfDay)}`
}

/** Microseconds since 1970-01-01, with or without `Z`; null where the text is no finite canonical timestamp. May exceed int64. */
export function parseTimestamp(text: string): bigint | null {
  const split = text.indexOf('T')
  const days = split < 0 ? null : parseDay(text.slice(0, split))
  const us = parseTime(text.endsWith('Z') ? text.slice(split + 1, -1) : text.slice(split + 1))
  return days === null || us === null ? null : BigInt(days) * BigInt(US_PER_DAY) + BigInt(us)
}

/** Microseconds since 1970-01-01 as a timestamp without zone mark. */
export function formatTimestampUs(us: bigint): string {
  const day = BigInt(US_PER_DAY)
  const rest = ((us % day) + day) % day
  return formatTimestamp(Number((us - rest) / day), Number(rest))
}

/** `.5`, `.000001` or nothing. */
export function formatFraction(us: number): string {
  if (us === 0) return ''
  let digits = String(1_000_000 + us).slice(1)
  let end = digits.length
  while (digits.charCodeAt(end - 1) === 48) end--
  digits = digits.slice(0, end)
  return `.${digits}`
}

export function formatYear(year: number): string {
  if (year > 9999) return `+${year}`
  if (year > 999) return String(year)
  return year < 0 ? `-${String(-year).padStart(4, '0')}` : String(year).padStart(4, '0')
}

export function two(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}
