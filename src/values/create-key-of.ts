import { UNCHANGED, type LogicalType, type Row, type Table, type Value } from '../contracts/table.ts'
import { lowerBoundsOf } from './lower-bounds.ts'

type Cell = Value | typeof UNCHANGED
type Encode = (value: Cell) => string

/**
 * The text of a row's key: equal exactly where the canonical keys are equal. Of all columns where the table has no key.
 *
 * Why it is injective: a lone column of integers or text is its own text (a missing value gets a text that neither
 * can be); otherwise each part ends itself — numbers by `,`, text by its length in front — so that parts cannot flow into each other.
 */
export function createKeyOf(table: Table): (row: Row) => string {
  const indexes = table.key.length > 0 ? table.key : table.columns.map((_, at) => at)
  const types = indexes.map((index) => columnType(table, index))
  const [first, second, third] = indexes
  const [type] = types
  if (first !== undefined && second === undefined && type && table.key.length === 1 && isPlain(type)) {
    return (row) => plain(row[first] as Cell)
  }
  const encoders = types.map(createEncoder)
  const [one, two] = encoders
  if (first !== undefined && second !== undefined && third === undefined && one && two) {
    return (row) => one(row[first] as Cell) + two(row[second] as Cell)
  }
  return (row) => {
    let key = ''
    // Both lists have the length of `indexes`.
    for (let at = 0; at < indexes.length; at++) key += encoders[at]!(row[indexes[at]!] as Cell)
    return key
  }
}

function columnType(table: Table, index: number): LogicalType {
  const column = table.columns[index]
  if (!column) throw new RangeError(`The key names column ${index} of ${table.columns.length}`)
  return column.type
}

function isPlain({ kind }: LogicalType): boolean {
  return kind === 'int16' || kind === 'int32' || kind === 'uint32' || kind === 'int64' || kind === 'uuid' || isText(kind)
}

function isText(kind: LogicalType['kind']): boolean {
  return kind === 'text' || kind === 'json' || kind === 'unknown' || kind === 'decimal'
}

/** Strings are themselves, but for those that begin with the mark of a missing value, which is doubled. */
function plain(value: Cell): string {
  if (typeof value === 'string') return value.charCodeAt(0) === 0 ? `\0${value}` : value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return value === null ? '\0~' : value === UNCHANGED ? '\0?' : `\0=${encode(value)}`
}

function createEncoder(type: LogicalType): Encode {
  switch (type.kind) {
    case 'int16':
    case 'int32':
    case 'uint32':
    case 'int64':
      return (value) => (typeof value === 'number' || typeof value === 'bigint' ? `${value},` : encode(value))
    default:
      return encode
  }
}

function encode(value: Cell): string {
  switch (typeof value) {
    case 'string':
      return `${value.length}:${value}`
    case 'number':
      return Object.is(value, -0) ? '-0,' : `${value},`
    case 'bigint':
      return `${value},`
    case 'boolean':
      return value ? 't' : 'f'
    case 'symbol':
      return '?'
    default:
      return value === null ? '~' : encodeObject(value)
  }
}

function encodeObject(value: Uint8Array | readonly Value[] | { readonly [field: string]: Value }): string {
  if (value instanceof Uint8Array) return `x${value.length}:${Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')}`
  if (Array.isArray(value)) {
    const array = value as readonly Value[]
    return `[${lowerBoundsOf(array)?.join('/') ?? ''}:${array.map(encode).join('')}]`
  }
  const fields = value as { readonly [field: string]: Value }
  const parts = Object.keys(fields)
    .sort()
    .map((field) => encode(field) + encode(fields[field] ?? null))
  return `{${parts.join('')}}`
}
