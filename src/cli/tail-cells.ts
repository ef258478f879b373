import { valueText } from '../messages/json/value-text.ts'
import { harmless } from '../lib/harmless.ts'
import { UNCHANGED, type Column, type Row, type Value } from '../contracts/table.ts'

/** A piece of a line, with the style it is shown in. */
export type Piece = { text: string; style: Style }
export type Style = 'plain' | 'dim' | 'bold' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan'

const CODES: Record<Style, string> = {
  plain: '',
  dim: '2',
  bold: '1',
  red: '31',
  green: '32',
  yellow: '33',
  blue: '34',
  magenta: '35',
  cyan: '36',
}
const LONGEST_VALUE = 48
const SHOWN_BYTES = 12

/** The pieces as one line of at most `columns` cells; what is cut off is shown as `…`. */
export function joinPieces(pieces: readonly Piece[], { columns, color }: { columns: number; color: boolean }): string {
  let line = ''
  let left = columns
  for (const { text, style } of pieces) {
    const isLong = widthOf(text) > left
    const shown = isLong ? `${cut(text, left - 1)}…` : text
    line += color && CODES[style] !== '' ? `\u001b[${CODES[style]}m${shown}\u001b[0m` : shown
    if (isLong) return line
    left -= widthOf(shown)
    // The next piece needs a cell at least, or the mark that it is missing.
    if (left === 0) return line
  }
  return line
}

/** A value as people read it: bare where it is one plain word, else as JSON; never anything that steers a terminal. */
export function cellText(column: Column, value: Value | typeof UNCHANGED | undefined, isWhole: boolean): string {
  if (value === UNCHANGED || value === undefined) return '?'
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return bytesText(value, isWhole)
  const text = valueText(column.type)(value)
  const bare = BARE.test(text) && text !== '"null"' ? text.slice(1, -1) : harmless(text)
  return isWhole || bare.length <= LONGEST_VALUE ? bare : `${cut(bare, LONGEST_VALUE - 1)}…`
}

export function isSameValue(column: Column, a: Row[number] | undefined, b: Row[number] | undefined): boolean {
  return cellText(column, a, true) === cellText(column, b, true)
}

/** One word in quotes that would read the same without. */
const BARE = /^"[^"\\=,→\p{C}\p{Z}]+"$/u

function bytesText(bytes: Uint8Array, isWhole: boolean): string {
  const shown = isWhole ? bytes : bytes.subarray(0, SHOWN_BYTES)
  const hex = Buffer.from(shown).toString('hex')
  return `\\x${hex}${shown.length < bytes.length ? `… (${bytes.length} bytes)` : ''}`
}

/** The cells that a text takes on a terminal. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length
  let width = 0
  for (const sign of text) width += signWidth(sign)
  return width
}

function cut(text: string, width: number): string {
  let left = width
  let kept = ''
  for (const sign of text) {
    left -= signWidth(sign)
    if (left < 0) break
    kept += sign
  }
  return kept
}

const ASCII = /^[\x20-\x7e]*$/
const MARK = /^[\p{Mark}\ufe0f]$/u
/** East Asian wide signs and emoji. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u

function signWidth(sign: string): number {
  if (sign <= '~') return 1
  if (MARK.test(sign)) return 0
  return WIDE.test(sign) ? 2 : 1
}
