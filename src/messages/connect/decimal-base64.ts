import '../../lib/buffer-slices.ts'

/**
 * A decimal as Connect's `Decimal` has it: the unscaled integer in two's complement, the highest byte first and no byte too many
 * (java.math.BigInteger, `toByteArray`), in base64. Null where the number has more digits behind the point than `scale`.
 */
export function decimalBase64(text: string, scale: number): string | null {
  const digits = unscaledDigits(text, scale)
  return digits === null ? null : integerBase64(digits)
}

/** The digits of text × 10^scale, with a sign. */
function unscaledDigits(text: string, scale: number): string | null {
  const point = text.indexOf('.')
  const fraction = point < 0 ? 0 : text.length - point - 1
  const digits = point < 0 ? text : text.slice(0, point) + text.slice(point + 1)
  if (fraction === scale) return digits
  if (fraction < scale) return digits + '0'.repeat(scale - fraction)
  const cut = digits.length + scale - fraction
  if (!/^0*$/.test(digits.slice(Math.max(cut, 0)))) return null
  return cut <= 0 || digits.slice(0, cut) === '-' ? '0' : digits.slice(0, cut)
}

/** An integer of any size. */
export function integerBase64(digits: string): string {
  if (digits.length < 16) return smallBase64(Number(digits))
  const number = BigInt(digits)
  const bits = (number < 0n ? -number - 1n : number).toString(2).length
  const length = Math.floor(bits / 8) + 1
  const hex = BigInt.asUintN(8 * length, number)
    .toString(16)
    .padStart(2 * length, '0')
  return Buffer.from(hex, 'hex').toString('base64')
}

const scratch = Buffer.alloc(8)

/** Inside ±2^53. `length`: the fewest bytes that hold the number and its sign. */
function smallBase64(number: number): string {
  let length = 1
  for (let bound = 128; number >= bound || number < -bound; bound *= 256) length++
  let rest = number
  for (let at = length - 1; at >= 0; at--) {
    const high = Math.floor(rest / 256)
    scratch[at] = rest - high * 256
    rest = high
  }
  return scratch.base64Slice(0, length)
}
