import { floatText } from '../json/json-text.ts'

/** A float as JSON. Java's readers take `-0` for the integer, which has no sign. */
export function doubleText(value: number): string {
  return value === 0 && 1 / value < 0 ? '-0.0' : floatText(value)
}
