import type { LogicalType, Table } from '../../contracts/table.ts'

/**
 * `"schema":{…}`: the record that describes the rows, with Avro's types for the JSON of `before` and `after`. Every field may be null, and
 * null comes first: a default has to be of the first type of its union (Avro 1.11, "Complex Types: Unions"), which pg2sink overlooked.
 */
export function avroSchemaText({ schema, name, columns }: Table): string {
  const fields = fieldsOf(
    columns.map((column) => ({ name: column.name, type: column.type })),
    { namedTypes: createNames(), path: [] },
  )
  return `"schema":${JSON.stringify({ namespace: `${avroName(schema)}.${avroName(name)}`, type: 'record', name: 'value', fields })}`
}

type Names = (wanted: string) => string
type Place = { namedTypes: Names; path: readonly string[] }
type Field = { name: string; type: LogicalType }
type Avro = string | { type: string; [attribute: string]: unknown } | readonly Avro[]

/** `column`: the name in the message, where Avro takes no such name. */
function fieldsOf(fields: readonly Field[], { namedTypes, path }: Place): object[] {
  const fieldNames = createNames()
  return fields.map(({ name, type }) => {
    const field = { name: fieldNames(avroName(name)), type: nullable(type, { namedTypes, path: [...path, name] }), default: null }
    return field.name === name ? field : { ...field, column: name }
  })
}

function nullable(type: LogicalType, place: Place): readonly Avro[] {
  return ['null', ...alternatives(type, place)]
}

/** NaN and the infinities are strings in JSON, and so are arrays that are not flat. */
function alternatives(type: LogicalType, place: Place): readonly Avro[] {
  switch (type.kind) {
    case 'boolean':
      return ['boolean']
    case 'int16':
    case 'int32':
      return ['int']
    case 'uint32':
    case 'int64':
      return ['long']
    case 'float32':
    case 'float64':
      return ['double', 'string']
    case 'array':
      return [{ type: 'array', items: nullable(type.of, place) }, 'string']
    case 'map':
      return [{ type: 'map', values: ['null', 'string'] }]
    case 'composite':
      return [{ type: 'record', name: place.namedTypes(avroName(place.path.join('_'))), fields: fieldsOf(type.fields, place) }]
    default:
      return ['string']
  }
}

/** Letters, digits and `_`, no digit first (Avro 1.11, "Names"). */
function avroName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, '_')
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`
}

/** The name that is wanted, with a number where it is taken: names that differ may be alike once they are plain. */
function createNames(): Names {
  const taken = new Set<string>()
  return (wanted) => {
    let name = wanted
    for (let n = 2; taken.has(name); n++) name = `${wanted}_${n}`
    taken.add(name)
    return name
  }
}
