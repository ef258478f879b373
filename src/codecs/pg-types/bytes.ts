import '../../lib/buffer-slices.ts'
import { expectLength } from './integers.ts'
import { malformed } from './malformed.ts'
import type { ValueDecoder } from './value-decoder.ts'

/** bytea (bytea_output hex), bit and varbit, uuid: manual, "Binary Data Types", "Bit String Types"; varlena.c, varbit.c, uuid.c. */

/** The value of each hexadecimal digit, by its byte; 255 for what is none. */
const NIBBLES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase())
  return digit < 0 ? 255 : digit
})
const DIGITS = Buffer.from('0123456789abcdef')
const OCTETS = Array.from({ length: 256 }, (_, byte) => byte.toString(2).padStart(8, '0'))
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const decodeByteaText: ValueDecoder = (buf, start, end) => {
  if (end - start < 2 || (end - start) % 2 !== 0 || buf[start] !== 92 || buf[start + 1] !== 120) throw malformed(start, 'it is no bytea')
  const bytes = new Uint8Array((end - start - 2) >> 1)
  for (let i = 0, at = start + 2; i < bytes.length; i++, at += 2) {
    const high = NIBBLES[buf[at] as number] as number
    const low = NIBBLES[buf[at + 1] as number] as number
    if (!(high < 16 && low < 16)) throw malformed(at, 'a hexadecimal digit is missing')
    bytes[i] = (high << 4) | low
  }
  return bytes
}

export const decodeByteaBinary: ValueDecoder = (buf, start, end) => {
  const bytes = new Uint8Array(end - start)
  bytes.set(buf.subarray(start, end))
  return bytes
}

export const decodeBitsText: ValueDecoder = (buf, start, end) => {
  for (let at = start; at < end; at++) if (buf[at] !== 48 && buf[at] !== 49) throw malformed(at, 'a bit is neither 0 nor 1')
  return buf.latin1Slice(start, end)
}

/** int32 count of bits, then the bits, most significant first. */
export const decodeBitsBinary: ValueDecoder = (buf, start, end) => {
  const count = end - start >= 4 ? buf.readInt32BE(start) : -1
  if (count < 0 || end - start !== 4 + Math.ceil(count / 8)) throw malformed(start, 'it is no bit string')
  let bits = ''
  for (let at = start + 4; at < end; at++) bits += OCTETS[buf[at] as number]
  return bits.slice(0, count)
}

export const decodeUuidText: ValueDecoder = (buf, start, end) => {
  const text = buf.latin1Slice(start, end)
  if (!UUID.test(text)) throw malformed(start, 'it is no uuid')
  return text
}

export function createUuidBinaryDecoder(): ValueDecoder {
  const scratch = Buffer.from('00000000-0000-0000-0000-000000000000')
  return (buf, start, end) => {
    expectLength(start, end, 16)
    let to = 0
    for (let at = start; at < end; at++) {
      const byte = buf[at] as number
      scratch[to++] = DIGITS[byte >> 4] as number
      scratch[to++] = DIGITS[byte & 15] as number
      // The dashes stand in the scratch already.
      if (to === 8 || to === 13 || to === 18 || to === 23) to++
    }
    return scratch.latin1Slice(0, 36)
  }
}
