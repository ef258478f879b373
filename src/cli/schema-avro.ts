import { tableName, type Column, type LogicalType, type Table } from '../contracts/table.ts'

export type AvroType = string | readonly AvroType[] | { readonly [field: string]: unknown }

/**
 * A table's rows as an Avro record (specification 1.11). Types that Avro has none for are strings, in the canonical text of
 * docs/specs/values.md. A column that may be NULL is a union with null first, null by default.
 */
export function avroSchema(table: Table): AvroType {
  const records = new Set<string>()
  return {
    type: 'record',
    name: avroName(table.name),
    namespace: avroName(table.schema),
    doc: tableName(table),
    fields: table.columns.map((column) => fieldOf(column, records)),
  }
}

function fieldOf({ name, type, sourceType, nullable }: Column, records: Set<string>): AvroType {
  const own = avroType(type, records)
  const named = { name: avroName(name), doc: name === avroName(name) ? sourceType : `${name}: ${sourceType}` }
  return nullable ? { ...named, type: ['null', own], default: null } : { ...named, type: own }
}

function avroType(type: LogicalType, records: Set<string>): AvroType {
  switch (type.kind) {
    case 'boolean':
      return 'boolean'
    case 'int16':
    case 'int32':
      return 'int'
    case 'uint32':
    case 'int64':
      return 'long'
    case 'float32':
      return 'float'
    case 'float64':
      return 'double'
    case 'decimal':
      return decimalType(type)
    case 'bytes':
      return 'bytes'
    case 'uuid':
      return { type: 'string', logicalType: 'uuid' }
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'time':
      return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp':
      return { type: 'long', logicalType: 'local-timestamp-micros' }
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros' }
    case 'array':
      return { type: 'array', items: ['null', avroType(type.of, records)] }
    case 'map':
      return { type: 'map', values: ['null', 'string'] }
    case 'composite':
      return compositeType(type, records)
    default:
      return 'string'
  }
}

/** Without bounds, or with a scale that Avro does not know (past the digits, below zero), a decimal is its text. */
function decimalType({ precision, scale }: Extract<LogicalType, { kind: 'decimal' }>): AvroType {
  if (precision === null || scale === null || scale < 0 || scale > precision) return 'string'
  return { type: 'bytes', logicalType: 'decimal', precision, scale }
}

/** A record is written out where it is met first, and named from then on. */
function compositeType({ name, fields }: Extract<LogicalType, { kind: 'composite' }>, records: Set<string>): AvroType {
  const own = avroName(name)
  if (records.has(own)) return own
  records.add(own)
  return {
    type: 'record',
    name: own,
    fields: fields.map((field) => ({ name: avroName(field.name), type: ['null', avroType(field.type, records)], default: null })),
  }
}

/** Avro's names hold letters, digits and underscores, and begin with no digit. */
function avroName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, '_')
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`
}
