import type { Value } from '../../contracts/table.ts'
import { decodeText } from './strings.ts'
import { malformed } from './malformed.ts'
import { readQuoted } from './quoted-text.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * hstore in text: manual, "hstore"; hstore_io.c, `hstore_out`: `"key"=>"value", "other"=>NULL`, always quoted.
 * The object has no prototype, so that a key like `__proto__` is a key.
 */
export const decodeHstoreText: ValueDecoder = (buf, start, end) => {
  const map = Object.create(null) as Record<string, Value>
  let at = start
  while (at < end) {
    if (at > start) at = expectBytes(buf, at, end, ', ')
    if (buf[at] !== 34) throw malformed(at, 'a key of hstore is not quoted')
    const key = readQuoted(buf, at, end, false)
    at = expectBytes(buf, key.next, end, '=>')
    const name = decodeText(key.buf, key.start, key.end) as string
    if (buf[at] !== 34) {
      at = expectBytes(buf, at, end, 'NULL')
      map[name] = null
      continue
    }
    const value = readQuoted(buf, at, end, false)
    map[name] = decodeText(value.buf, value.start, value.end)
    at = value.next
  }
  return map
}

function expectBytes(buf: Buffer, at: number, end: number, text: string): number {
  if (at + text.length > end) throw malformed(at, 'hstore ends too early')
  for (let i = 0; i < text.length; i++) if (buf[at + i] !== text.charCodeAt(i)) throw malformed(at + i, 'it is no hstore')
  return at + text.length
}
