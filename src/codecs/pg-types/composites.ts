import type { Value } from '../../contracts/table.ts'
import { malformed } from './malformed.ts'
import { readQuoted } from './quoted-text.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * Row types in text: manual, "Composite Type Input and Output Syntax"; rowtypes.c, `record_out`.
 *
 *   ( [field] { , [field] } )     field = '"' escaped '"' | bare; nothing between the commas is NULL
 *
 * The object has no prototype, so that a field of any name is a field. Fields missing at the end are NULL, as the server
 * reads rows stored before ALTER TYPE … ADD ATTRIBUTE: the log may hold such rows from before the catalogue was read.
 */
export type FieldDecoder = { name: string; decode: ValueDecoder }
const [OPEN, CLOSE, COMMA, QUOTE, BACKSLASH] = [40, 41, 44, 34, 92]

export function createCompositeTextDecoder(fields: readonly FieldDecoder[]): ValueDecoder {
  return (buf, start, end) => {
    if (end - start < 2 || buf[start] !== OPEN || buf[end - 1] !== CLOSE) throw malformed(start, 'it is no row')
    const value = Object.create(null) as Record<string, Value>
    let at = start
    for (const field of fields) {
      if (at > start && at === end - 1) {
        value[field.name] = null
        continue
      }
      if (at > start && buf[at] !== COMMA) throw malformed(at, 'the fields of a row are not separated')
      at = readField({ buf, at: at + 1, end: end - 1, field }, value)
    }
    if (at !== end - 1 && !(fields.length === 0 && end - start === 2)) throw malformed(at, 'a row has too many fields')
    return value
  }
}

/** Reads one field into `value`; returns where it ends. */
function readField(
  { buf, at, end, field }: { buf: Buffer; at: number; end: number; field: FieldDecoder },
  value: Record<string, Value>,
): number {
  if (at < end && buf[at] === QUOTE) {
    const token = readQuoted(buf, at, end, true)
    value[field.name] = field.decode(token.buf, token.start, token.end)
    return token.next
  }
  let stop = at
  while (stop < end && buf[stop] !== COMMA) {
    if (buf[stop] === QUOTE || buf[stop] === BACKSLASH) throw malformed(stop, 'a field of a row is not quoted')
    stop++
  }
  value[field.name] = stop === at ? null : field.decode(buf, at, stop)
  return stop
}
