/** A whole number from 0 to 2^53 in decimal digits. */
export function putNumber(number: number, out: Uint8Array, at: number): number {
  const end = at + digitsOf(number)
  let rest = number
  let place = end
  while (rest >= 1e9) {
    const high = Math.floor(rest / 1e9)
    place = putPart(rest - high * 1e9, out, place, 9)
    rest = high
  }
  putPart(rest, out, place, place - at)
  return end
}

export function digitsOf(number: number): number {
  let count = 1
  for (let bound = 10; number >= bound; bound *= 10) count++
  return count
}

/** `count` digits that end before `end`; where they begin. Numbers of 32 bits are quick. */
function putPart(number: number, out: Uint8Array, end: number, count: number): number {
  let rest = number | 0
  for (let at = end - 1; at >= end - count; at--) {
    const tenth = (rest / 10) | 0
    out[at] = 48 + rest - tenth * 10
    rest = tenth
  }
  return end - count
}
