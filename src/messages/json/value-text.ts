import type { LogicalType, Value } from '../../contracts/table.ts'
import { lowerBoundsOf } from '../../values/lower-bounds.ts'
import { base64, floatText, isJsonNull, jsonOnOneLine, quoted } from './json-text.ts'

/** Where JSON's null stands inside an array or composite: the column's name, then indexes and field names. */
export type NullPath = readonly (string | number)[]

/** A present value of one type as JSON text. */
export type ValueText = (value: Value) => string

/** The casts in this file hold by the value model: which JavaScript form a value has follows from its logical type. */
export function valueText(type: LogicalType): ValueText {
  switch (type.kind) {
    case 'boolean':
    case 'int16':
    case 'int32':
    case 'uint32':
    case 'int64':
      return String
    case 'float32':
    case 'float64':
      return (value) => floatText(value as number)
    case 'json':
      return (value) => jsonOnOneLine(value as string)
    case 'bytes':
      return (value) => base64(value as Uint8Array)
    case 'array':
      return arrayText(valueText(type.of))
    case 'map':
      return (value) => objectText(value as Fields, () => textOf)
    case 'composite':
      return compositeText(type.fields)
    default:
      return textOf
  }
}

/** Whether JSON's null can hide inside values of this type, below their top. */
export function holdsJson(type: LogicalType): boolean {
  if (type.kind === 'array') return type.of.kind === 'json' || holdsJson(type.of)
  return type.kind === 'composite' && type.fields.some((field) => field.type.kind === 'json' || holdsJson(field.type))
}

/** The places inside a value that hold JSON's null rather than SQL's. */
export function jsonNullsInside(type: LogicalType, value: Value, path: NullPath): NullPath[] {
  if (value === null) return []
  if (type.kind === 'json') return isJsonNull(value as string) ? [path] : []
  if (type.kind === 'array') {
    return (value as readonly Value[]).flatMap((item, index) =>
      jsonNullsInside(Array.isArray(item) ? type : type.of, item, [...path, index]),
    )
  }
  if (type.kind !== 'composite') return []
  return type.fields.flatMap((field) => jsonNullsInside(field.type, (value as Fields)[field.name] ?? null, [...path, field.name]))
}

type Fields = { readonly [field: string]: Value }

const textOf: ValueText = (value) => quoted(value as string)

/**
 * An item that is an array is a further dimension: Postgres has no arrays of arrays. Where a lower bound is not 1 the
 * array is `{"lowerBounds":[…],"values":[…]}`, one bound a dimension.
 */
export function arrayText(itemText: ValueText): ValueText {
  const text = (value: Value): string => {
    if (value === null) return 'null'
    if (!Array.isArray(value)) return itemText(value)
    let items = ''
    for (const item of value as readonly Value[]) items += items === '' ? text(item) : `,${text(item)}`
    return `[${items}]`
  }
  return (value) => {
    const bounds = Array.isArray(value) ? lowerBoundsOf(value) : null
    return bounds === null ? text(value) : `{"lowerBounds":[${bounds.join(',')}],"values":${text(value)}}`
  }
}

function compositeText(fields: readonly { name: string; type: LogicalType }[]): ValueText {
  const texts = new Map(fields.map((field) => [field.name, valueText(field.type)]))
  return (value) => objectText(value as Fields, (name) => texts.get(name) ?? textOf)
}

function objectText(value: Fields, textFor: (name: string) => ValueText): string {
  let members = ''
  for (const [name, member] of Object.entries(value)) {
    const separator = members === '' ? '' : ','
    members += `${separator}${quoted(name)}:${member === null ? 'null' : textFor(name)(member)}`
  }
  return `{${members}}`
}
