/** Canonical values as JSON text: nothing rounded, nothing lost. */

/** What a JSON string escapes; lone surrogates too, which is why all of them go to `JSON.stringify`. */
export const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/

/** A JSON string. Most need no escape: one scan, then a plain concatenation. */
export function quoted(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`
}

/** A float: digits where JSON has them; `-0` keeps its sign; NaN and the infinities are strings. */
export function floatText(value: number): string {
  if (value - value !== 0) return `"${value}"`
  return value === 0 && 1 / value < 0 ? '-0' : `${value}`
}

/** The same text in one piece: V8 keeps a concatenation as a tree, which every line that holds it would walk again. */
export function flatText(text: string): string {
  return Buffer.from(text).toString()
}

const LINE_BREAKS = /[\r\n]/g

/**
 * The server's own JSON text on one line. A raw line break inside a JSON string is not JSON and never comes from the
 * server, so every line break lies between tokens, where a space means the same.
 */
export function jsonOnOneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(LINE_BREAKS, ' ') : text
}

/** Whether JSON text is JSON's `null`, which reads like SQL's NULL once it is embedded. */
export function isJsonNull(text: string): boolean {
  return text === 'null' || (text.length > 4 && text.length < 1000 && JSON_NULL.test(text))
}

const JSON_NULL = /^[ \t\r\n]*null[ \t\r\n]*$/

export function base64(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`
}

/** Microseconds since 1970 as ISO-8601 in UTC with six digits, e.g. `2026-11-20T08:00:00.124000Z`. The last second is kept. */
export function createTimeText(): (microseconds: number) => string {
  let lastSecond = Number.NaN
  let text = ''
  return (microseconds) => {
    const second = Math.floor(microseconds / 1e6)
    if (second !== lastSecond) {
      text = new Date(second * 1000).toISOString().slice(0, -4)
      lastSecond = second
    }
    return `${text}${String(microseconds - second * 1e6 + 1e6).slice(1)}Z`
  }
}
