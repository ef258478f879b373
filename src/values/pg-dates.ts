/** Canonical dates as Postgres prints them, datestyle ISO. Astronomical years below 1 are years BC: 0000 is 1 BC. */
export function toPgDay(day: string): string {
  const match = /^([+-]?)(\d+)(-\d\d-\d\d)$/.exec(day)
  if (!match) return day
  const year = match[1] === '-' ? -Number(match[2]) : Number(match[2])
  const printed = String(year > 0 ? year : 1 - year).padStart(4, '0')
  return printed + match[3] + (year > 0 ? '' : ' BC')
}

/** In UTC where it has a zone. */
export function toPgTimestamp(timestamp: string): string {
  const split = timestamp.indexOf('T')
  if (split < 0) return timestamp
  const [day, bc] = toPgDay(timestamp.slice(0, split)).split(' ')
  const time = timestamp.slice(split + 1).replace('Z', '+00')
  return `${day} ${time}${bc ? ' BC' : ''}`
}
