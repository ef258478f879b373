import { tableName, type LogicalType, type Table } from '../contracts/table.ts'

type Schema = { readonly [keyword: string]: unknown }

/** A table's rows as JSON Schema (2020-12), in the forms of the native format: what `after` and `key` of a message hold. */
export function jsonSchema(table: Table): Schema {
  const properties = table.columns.map(({ name, type, sourceType, nullable }) => {
    const own = jsonType(type)
    return [name, { ...(nullable ? orNull(own) : own), description: sourceType }] as const
  })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: tableName(table),
    type: 'object',
    properties: Object.fromEntries(properties),
    required: table.columns.filter(({ nullable }) => !nullable).map(({ name }) => name),
    additionalProperties: false,
  }
}

const TEXT: Schema = { type: 'string' }
/** Not numbers in JSON: written as strings. */
const SPECIAL_NUMBERS = ['NaN', 'Infinity', '-Infinity']

function jsonType(type: LogicalType): Schema {
  switch (type.kind) {
    case 'boolean':
      return { type: 'boolean' }
    case 'int16':
      return integer(-(2 ** 15), 2 ** 15 - 1)
    case 'int32':
      return integer(-(2 ** 31), 2 ** 31 - 1)
    case 'uint32':
      return integer(0, 2 ** 32 - 1)
    case 'int64':
      return { type: 'integer' }
    case 'float32':
    case 'float64':
      return { anyOf: [{ type: 'number' }, { enum: SPECIAL_NUMBERS }] }
    case 'uuid':
      return { type: 'string', format: 'uuid' }
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' }
    case 'json':
      return {}
    case 'array':
      return { type: 'array', items: orNull(jsonType(type.of)) }
    case 'map':
      return { type: 'object', additionalProperties: { type: ['string', 'null'] } }
    case 'composite':
      return { type: 'object', properties: Object.fromEntries(type.fields.map((field) => [field.name, orNull(jsonType(field.type))])) }
    case 'text':
      return type.labels === undefined ? TEXT : { enum: type.labels }
    default:
      return TEXT
  }
}

function orNull(schema: Schema): Schema {
  if (Object.keys(schema).length === 0) return schema
  if (typeof schema.type === 'string') return { ...schema, type: [schema.type, 'null'] }
  return { anyOf: [schema, { type: 'null' }] }
}

function integer(minimum: number, maximum: number): Schema {
  return { type: 'integer', minimum, maximum }
}
