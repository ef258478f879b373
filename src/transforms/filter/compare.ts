import type { LogicalType, Value } from '../../contracts/table.ts'
import { parseDay, parseTime, parseTimestamp } from '../../values/calendar.ts'

/** Less than 0, 0 or more than 0, as the database orders two values that are there. */
export type Comparison = (a: Value, b: Value) => number

/** How values of a type compare; null where they have no order here. */
export function comparisonOf(type: LogicalType): Comparison | null {
  switch (type.kind) {
    case 'boolean':
      return (a, b) => Number(a) - Number(b)
    case 'int16':
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'float32':
    case 'float64':
      return (a, b) => compareNumbers(a as number, b as number)
    case 'decimal':
      return (a, b) => compareDecimals(String(a), String(b))
    case 'text':
      return type.labels === undefined ? compareTexts : (a, b) => labelAt(type.labels, a) - labelAt(type.labels, b)
    case 'uuid':
    case 'bits':
      return compareTexts
    case 'date':
      return by(parseDay)
    case 'time':
      return by(parseTime)
    case 'timestamp':
    case 'timestamptz':
      return by(parseTimestamp)
    default:
      return null
  }
}

/** As Postgres: NaN equals itself and is past every number; −0 equals 0. Bigints too. */
function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a < b ? -1 : a > b ? 1 : 0
}

/** By code point, as Postgres' collation "C": the same on every machine. */
function compareTexts(a: Value, b: Value): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))
}

function labelAt(labels: readonly string[] = [], label: Value): number {
  return labels.indexOf(String(label))
}

function by(parse: (text: string) => number | bigint | null): Comparison {
  const rank = (value: Value) =>
    value === 'infinity' ? Infinity : value === '-infinity' ? -Infinity : (parse(String(value)) ?? Number.NaN)
  return (a, b) => compareNumbers(rank(a) as number, rank(b) as number)
}

/** Numerically: `1.0` equals `1.00`. */
export function compareDecimals(a: string, b: string): number {
  const [left, right] = [specialRank(a), specialRank(b)]
  if (left !== 0 || right !== 0) return left - right
  const scale = Math.max(fractionOf(a).length, fractionOf(b).length)
  const [one, other] = [scaled(a, scale), scaled(b, scale)]
  return one < other ? -1 : one > other ? 1 : 0
}

function specialRank(text: string): number {
  return text === 'NaN' ? 2 : text === 'Infinity' ? 1 : text === '-Infinity' ? -1 : 0
}

function fractionOf(text: string): string {
  return text.split('.')[1] ?? ''
}

function scaled(text: string, scale: number): bigint {
  return BigInt((text.split('.')[0] ?? '') + fractionOf(text).padEnd(scale, '0'))
}
