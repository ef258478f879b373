import { isUtf8 } from 'node:buffer'
import '../../lib/buffer-slices.ts'
import { malformed } from './malformed.ts'
import type { ValueDecoder } from './value-decoder.ts'

/** text and its kin, json, jsonb: UTF-8 (client_encoding UTF8), the same bytes in both forms but for jsonb's version byte. */
export const decodeText: ValueDecoder = (buf, start, end) => {
  if (end > buf.length) throw malformed(buf.length, 'it ends too early')
  const text = buf.utf8Slice(start, end)
  // Bytes that are not UTF-8 become U+FFFD, which text may also hold by right. (A search for it in Latin-1 text costs nothing.)
  if (text.includes('\ufffd') && !isUtf8(buf.subarray(start, end))) throw malformed(start, 'it is not UTF-8')
  return text
}

/** jsonb.c, `jsonb_send`: a version byte, then the text. */
export const decodeJsonbBinary: ValueDecoder = (buf, start, end) => {
  if (end <= start || buf[start] !== 1) throw malformed(start, 'the version of jsonb is unknown')
  return decodeText(buf, start + 1, end)
}

/** "char": one byte; the server prints those past ASCII as octal since 15 (char.c, `charout`), and here always. */
export const decodeCharText: ValueDecoder = (buf, start, end) => {
  const byte = buf[start] as number
  if (end - start === 1 && byte >= 128) return `\\${byte.toString(8)}`
  return decodeText(buf, start, end)
}
