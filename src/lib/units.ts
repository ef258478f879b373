const DURATIONS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZES: Record<string, number> = { B: 1, kB: 1024, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 }

/** `'1.5s'` → 1500; null where the text is no duration. Units: ms, s, m, h, d. */
export function parseDurationMs(text: string): number | null {
  return parseQuantity(text, DURATIONS)
}

/** `'10MB'` → 10485760; null where the text is no size. Units: B, kB, MB, GB, TB, each 1024 of the one before. */
export function parseSizeBytes(text: string): number | null {
  return parseQuantity(text, SIZES)
}

/** 10485760 → `'10 MB'`, for people. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || Math.abs(value) >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** 93000 → `'1 m 33 s'`, for people. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return inUnits(whole, 60, ['m', 's'])
  return inUnits(Math.floor(whole / 60), 60, ['h', 'm'])
}

/** What is nothing is left out: `'1 m'`. */
function inUnits(count: number, size: number, [large, small]: readonly [string, string]): string {
  const rest = count % size
  return `${Math.floor(count / size)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`
}

/** 1234567 → `'1 234 567'`, for people. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ' ')
}

function parseQuantity(text: string, units: Record<string, number>): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim())
  const unit = match?.[2] ?? ''
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  return match && factor !== undefined ? Math.round(Number(match[1]) * factor) : null
}
