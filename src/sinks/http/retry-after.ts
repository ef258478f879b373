/** The milliseconds that a `Retry-After` asks for: a number of seconds or a date (RFC 9110 §10.2.3). Null where it is missing or neither. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  // Dates of HTTP begin with a day's name, and are all of GMT; `Date.parse` alone takes almost anything, as local time.
  const atMs = /^[A-Z][a-z]+,? /.test(text) ? Date.parse(`${text.replace(/ GMT$/, '')} GMT`) : Number.NaN
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}
