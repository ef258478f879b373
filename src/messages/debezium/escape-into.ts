/** The first `length` bytes of UTF-8 as a JSON string: where it ends in `out`, which has six times the room. */
export function escapeInto(from: Uint8Array, length: number, out: Uint8Array, at: number): number {
  out[at++] = 0x22
  for (let i = 0; i < length; i++) {
    const byte = from[i] as number // i < length
    if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) out[at++] = byte
    else at = escape(byte, out, at)
  }
  out[at++] = 0x22
  return at
}

/** As JSON.stringify has it. */
const LETTERS: Readonly<Record<number, number>> = { 0x08: 0x62, 0x09: 0x74, 0x0a: 0x6e, 0x0c: 0x66, 0x0d: 0x72, 0x22: 0x22, 0x5c: 0x5c }
const HEX = Buffer.from('0123456789abcdef')

function escape(byte: number, out: Uint8Array, at: number): number {
  out[at] = 0x5c
  const letter = LETTERS[byte]
  if (letter !== undefined) {
    out[at + 1] = letter
    return at + 2
  }
  out[at + 1] = 0x75
  out[at + 2] = 0x30
  out[at + 3] = 0x30
  out[at + 4] = HEX[byte >> 4] as number // a byte has two digits
  out[at + 5] = HEX[byte & 15] as number
  return at + 6
}
