const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const bytes = Buffer.alloc(9)

/**
 * `decimalBase64` in quotes, from the digits as ASCII: where it ends. −1 where that is another's work: more than 15 digits, an exponent or a word, more
 * digits behind the point than `scale`.
 */
export function putDecimal(digits: Uint8Array, length: number, { scale, out, at }: { scale: number; out: Uint8Array; at: number }): number {
  const isNegative = digits[0] === 0x2d
  let number = 0
  let fraction = -1
  let count = 0
  for (let i = isNegative ? 1 : 0; i < length; i++) {
    const digit = (digits[i] as number) - 48 // i < length
    if (digit >= 0 && digit <= 9) {
      number = number * 10 + digit
      count++
      if (fraction >= 0) fraction++
    } else if (digit === -2 && fraction < 0) fraction = 0
    else return -1
  }
  const missing = scale - Math.max(fraction, 0)
  if (missing < 0 || count + missing > 15) return -1
  for (let i = 0; i < missing; i++) number *= 10
  return putInteger(isNegative ? -number : number, out, at)
}

/** The bytes of two's complement as in `integerBase64`, three at a time as four letters. */
function putInteger(number: number, out: Uint8Array, at: number): number {
  let length = 1
  for (let bound = 128; number >= bound || number < -bound; bound *= 256) length++
  let rest = number
  for (let i = length - 1; i >= 0; i--) {
    const high = Math.floor(rest / 256)
    bytes[i] = rest - high * 256
    rest = high
  }
  bytes[length] = 0
  bytes[length + 1] = 0
  out[at++] = 0x22
  for (let i = 0; i < length; i += 3) {
    const three = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]! // 9 bytes, of which 7 are used at most
    out[at] = ALPHABET[three >> 18]! // 6 bits each
    out[at + 1] = ALPHABET[(three >> 12) & 63]!
    out[at + 2] = i + 1 < length ? ALPHABET[(three >> 6) & 63]! : 0x3d
    out[at + 3] = i + 2 < length ? ALPHABET[three & 63]! : 0x3d
    at += 4
  }
  out[at] = 0x22
  return at + 1
}
