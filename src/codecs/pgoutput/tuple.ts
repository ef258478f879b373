import { UNCHANGED, type Row } from '../../contracts/table.ts'
import { malformed, withColumn } from '../pg-types/malformed.ts'
import type { ValueDecoder } from '../pg-types/value-decoder.ts'

/** One column of the wire: where its value goes in the row. Null: its value is passed over. */
export type TupleColumn = { name: string; decode: ValueDecoder; target: number } | null

/** Where a decoder stands: `at` after what it decoded, or `need`, the bytes that it must have at least to decode it. */
export type Cursor = { at: number; need: number }

/**
 * Decodes the tuple that begins at `at` and moves `cursor.at` past it. Null where it goes past `end`: then `cursor.need`
 * is the offset up to which bytes are needed, at least.
 */
export type TupleDecoder = (buf: Buffer, at: number, end: number, cursor: Cursor) => Row | null

const NULL = 0x6e // n
const TOASTED = 0x75 // u
const TEXT = 0x74 // t

/**
 * A decoder written for one table version: no loop, no lookup by column, one array literal a row.
 *
 *     TupleData = Int16 columns, then for each: 'n' | 'u' | 't' Int32 length, bytes
 */
export function createTupleDecoder(columns: readonly TupleColumn[]): TupleDecoder {
  const targets = columns.flatMap((column, at) => (column ? [{ target: column.target, at }] : [])).sort((a, b) => a.target - b.target)
  const source = `return function decodeTuple(buf, at, end, cursor) {
    if (at + 2 > end) { cursor.need = at + 2; return null }
    if ((buf[at] << 8 | buf[at + 1]) !== ${columns.length}) wrongCount(buf, at)
    const begin = at
    at += 2
    let start = 0, tag = 0
    ${columns.map((column, index) => columnSource(column, index)).join('\n')}
    cursor.at = at
    return [${targets.map(({ at }) => `v${at}`).join(', ')}]
  }`
  const decoders = columns.map((column) => column?.decode ?? null)
  // Only numbers and names made here stand in the source; nothing of the database does.
  const make = new Function('UNCHANGED', 'wrongCount', 'wrongTag', ...decoders.map((_, index) => `d${index}`), source)
  const decode = make(UNCHANGED, wrongCountOf(columns.length), wrongTag, ...decoders) as TupleDecoder
  return (buf, at, end, cursor) => {
    try {
      return decode(buf, at, end, cursor)
    } catch (error) {
      throw nameColumn(columns, buf, at, error)
    }
  }
}

function columnSource(column: TupleColumn, index: number): string {
  const set = (value: string) => (column ? `v${index} = ${value}; ` : '')
  return `${column ? `let v${index};` : ''}
    if (at >= end) { cursor.need = at + 1; return null }
    tag = buf[at]
    if (tag === ${TEXT}) {
      start = at + 5
      if (start > end) { cursor.need = start; return null }
      at = start + (buf[at + 1] << 24 | buf[at + 2] << 16 | buf[at + 3] << 8 | buf[at + 4])
      if (at < start) wrongTag(start - 5)
      if (at > end) { cursor.need = at; return null }
      ${set(`d${index}(buf, start, at)`)}
    } else if (tag === ${NULL}) { ${set('null')}at++ }
    else if (tag === ${TOASTED}) { ${set('UNCHANGED')}at++ }
    else wrongTag(at)`
}

function wrongCountOf(expected: number): (buf: Buffer, at: number) => never {
  return (buf, at) => {
    throw malformed(at, `a tuple of ${buf.readInt16BE(at)} columns follows a relation of ${expected}`)
  }
}

function wrongTag(at: number): never {
  throw malformed(at, 'a column is neither null, unchanged nor text')
}

/** The slow second look, only after an error: which column was it? */
function nameColumn(columns: readonly TupleColumn[], buf: Buffer, begin: number, error: unknown): unknown {
  let at = begin + 2
  for (const column of columns) {
    const tag = buf[at]
    if (tag !== TEXT && tag !== NULL && tag !== TOASTED) break
    if (tag !== TEXT) {
      at++
      continue
    }
    const start = at + 5
    if (start > buf.length) break
    at = start + buf.readInt32BE(at + 1)
    if (at < start || at > buf.length) break
    try {
      column?.decode(buf, start, at)
    } catch (again) {
      return withColumn(again, column?.name ?? '?', start)
    }
  }
  return withColumn(error, '?', begin)
}
