import type { LogicalType } from '../../contracts/table.ts'
import { parseDay, parseTime, parseTimestamp } from '../../values/calendar.ts'

/** Whether this is a canonical value of the type (docs/specs/values.md); NULL is the column's business. */
export function isOfType(type: LogicalType, value: unknown): boolean {
  switch (type.kind) {
    case 'boolean':
      return typeof value === 'boolean'
    case 'int16':
      return isWhole(value, -32768, 32767)
    case 'int32':
      return isWhole(value, -2147483648, 2147483647)
    case 'uint32':
      return isWhole(value, 0, 4294967295)
    case 'int64':
      return typeof value === 'bigint' && BigInt.asIntN(64, value) === value
    case 'float32':
    case 'float64':
      return typeof value === 'number'
    case 'decimal':
      return isText(value, DECIMAL) && fitsScale(value as string, type)
    case 'text':
      return typeof value === 'string' && (type.labels === undefined || type.labels.includes(value))
    case 'unknown':
    case 'interval':
    case 'timetz':
      return typeof value === 'string'
    case 'json':
      return typeof value === 'string' && isJson(value)
    case 'uuid':
      return isText(value, UUID)
    case 'bits':
      return isText(value, /^[01]*$/)
    case 'bytes':
      return value instanceof Uint8Array
    case 'date':
      return isMoment(value, parseDay)
    case 'time':
      return typeof value === 'string' && parseTime(value) !== null
    case 'timestamp':
      return isMoment(value, (text) => (text.endsWith('Z') ? null : parseTimestamp(text)))
    case 'timestamptz':
      return isMoment(value, (text) => (text.endsWith('Z') ? parseTimestamp(text) : null))
    case 'array':
      return Array.isArray(value) && value.every((item) => isElement(type.of, item))
    case 'map':
      return isObject(value) && Object.values(value).every((item) => item === null || typeof item === 'string')
    case 'composite':
      return isComposite(type, value)
  }
}

const DECIMAL = /^(-?\d+(\.\d+)?|NaN|-?Infinity)$/
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function isText(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value)
}

function isWhole(value: unknown, first: number, last: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && !Object.is(value, -0) && value >= first && value <= last
}

/** Digits in front and behind the point, as the column has them. */
function fitsScale(text: string, { precision, scale }: LogicalType & { kind: 'decimal' }): boolean {
  const [, whole, fraction = ''] = /^-?0*(\d*?)(?:\.(\d+))?$/.exec(text) ?? []
  if (whole === undefined || precision === null || scale === null) return true
  return fraction.length <= Math.max(scale, 0) && whole.length <= precision - scale
}

function isMoment(value: unknown, parse: (text: string) => number | bigint | null): boolean {
  return typeof value === 'string' && (value === 'infinity' || value === '-infinity' || parse(value) !== null)
}

/** Arrays of several dimensions are arrays in arrays. */
function isElement(type: LogicalType, item: unknown): boolean {
  if (item === null) return true
  return Array.isArray(item) ? item.every((each) => isElement(type, each)) : isOfType(type, item)
}

function isComposite({ fields }: LogicalType & { kind: 'composite' }, value: unknown): boolean {
  if (!isObject(value) || Object.keys(value).some((name) => !fields.some((field) => field.name === name))) return false
  return fields.every(({ name, type }) => value[name] === null || (value[name] !== undefined && isOfType(type, value[name])))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
