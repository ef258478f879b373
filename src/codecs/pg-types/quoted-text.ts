import '../../lib/buffer-slices.ts'
import { malformed } from './malformed.ts'

/** One token of a text form: where its bytes lie, and whether it was quoted. */
export type Token = { buf: Buffer; start: number; end: number; quoted: boolean; next: number }

const QUOTE = 34
const BACKSLASH = 92

/**
 * Reads a quoted token that begins at `at`: `\x` stands for x, and `""` for `"` where `doubled`. Bytes without
 * escapes are read where they lie; others from a copy without the escapes.
 */
export function readQuoted(buf: Buffer, at: number, end: number, doubled: boolean): Token {
  const start = at + 1
  let escapes = 0
  for (let i = start; i < end; i++) {
    const byte = buf[i]
    if (byte === BACKSLASH || (byte === QUOTE && doubled && i + 1 < end && buf[i + 1] === QUOTE)) {
      escapes++
      i++
    } else if (byte === QUOTE) {
      const next = i + 1
      if (escapes === 0) return { buf, start, end: i, quoted: true, next }
      const copy = unescape(buf, start, i, escapes)
      return { buf: copy, start: 0, end: copy.length, quoted: true, next }
    }
  }
  throw malformed(at, 'a quote is not closed')
}

/** Every escape is two bytes of which the second stays. */
function unescape(buf: Buffer, start: number, end: number, escapes: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start - escapes)
  let length = 0
  for (let i = start; i < end; i++) {
    if (buf[i] === BACKSLASH || buf[i] === QUOTE) i++
    copy[length++] = buf[i] as number
  }
  return copy
}

/** Whether bytes are the word NULL in any case. */
export function isNullWord(buf: Buffer, start: number, end: number): boolean {
  if (end - start !== 4) return false
  return buf.latin1Slice(start, end).toUpperCase() === 'NULL'
}
