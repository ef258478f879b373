import type { LogicalType, Value } from '../contracts/table.ts'
import { lowerBoundsOf, withLowerBounds } from './lower-bounds.ts'

/**
 * Canonical values as JSON text and back, for what a sink's own types cannot hold: arrays of several dimensions or with
 * lower bounds, maps, composites. Reading gives back exactly what was written: numbers keep all their digits, and JSON
 * inside is kept as text.
 */
export function encodeJson(type: LogicalType, value: Value): string {
  if (value === null) return 'null'
  switch (type.kind) {
    case 'array':
      return encodeArray(type.of, value as readonly Value[])
    case 'composite':
      return encodeComposite(type, value as Fields)
    case 'bytes':
      return JSON.stringify(Buffer.from(value as Uint8Array).toString('base64'))
    case 'boolean':
    case 'int16':
    case 'int32':
    case 'uint32':
    case 'int64':
      return String(value)
    case 'float32':
    case 'float64':
      return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? String(value) : JSON.stringify(String(value))
    default:
      return JSON.stringify(value)
  }
}

type Fields = { readonly [field: string]: Value }

function encodeArray(of: LogicalType, value: readonly Value[]): string {
  const bounds = lowerBoundsOf(value)
  const text = encodeItems(of, value)
  return bounds === null ? text : `{"lowerBounds":[${bounds.join(',')}],"values":${text}}`
}

function encodeItems(of: LogicalType, value: readonly Value[]): string {
  return `[${value.map((item) => (Array.isArray(item) ? encodeItems(of, item) : encodeJson(of, item))).join(',')}]`
}

function encodeComposite(type: Extract<LogicalType, { kind: 'composite' }>, value: Fields): string {
  return `{${type.fields.map((field) => `${JSON.stringify(field.name)}:${encodeJson(field.type, value[field.name] ?? null)}`).join(',')}}`
}

export function decodeJson(type: LogicalType, text: string): Value {
  return decode(type, parseKeepingNumbers(text))
}

/** A number's own digits. */
class NumberText {
  readonly digits: string
  constructor(digits: string) {
    this.digits = digits
  }
}

type Parsed = null | boolean | string | NumberText | Parsed[] | { [field: string]: Parsed }

function parseKeepingNumbers(text: string): Parsed {
  // The third argument is not in TypeScript's library yet (ECMAScript proposal "JSON.parse source text access", in V8 since 11.4).
  const parse = JSON.parse as (text: string, reviver: (key: string, value: unknown, context: { source: string }) => unknown) => Parsed
  return parse(text, (_, value, context) => (typeof value === 'number' ? new NumberText(context.source) : value))
}

function decode(type: LogicalType, parsed: Parsed): Value {
  if (parsed === null) return null
  switch (type.kind) {
    case 'array':
      return decodeArray(type.of, parsed)
    case 'composite':
      return Object.fromEntries(
        type.fields.map((field) => [field.name, decode(field.type, (parsed as { [field: string]: Parsed })[field.name] ?? null)]),
      )
    case 'bytes':
      return new Uint8Array(Buffer.from(parsed as string, 'base64'))
    case 'int64':
      return BigInt((parsed as NumberText).digits)
    default:
      return decodePlain(type, parsed)
  }
}

function decodePlain(type: LogicalType, parsed: Parsed): Value {
  if (parsed instanceof NumberText) return Number(parsed.digits)
  const isNumber = type.kind === 'float32' || type.kind === 'float64'
  return isNumber ? Number(parsed) : (parsed as Value) // text, boolean, or a map of texts
}

function decodeArray(of: LogicalType, parsed: Parsed): Value {
  if (Array.isArray(parsed)) return decodeItems(of, parsed)
  const { lowerBounds, values } = parsed as { lowerBounds: NumberText[]; values: Parsed[] }
  return withLowerBounds(
    decodeItems(of, values),
    lowerBounds.map((bound) => Number(bound.digits)),
  )
}

function decodeItems(of: LogicalType, items: Parsed[]): Value[] {
  return items.map((item) => (Array.isArray(item) ? decodeItems(of, item) : decode(of, item)))
}
