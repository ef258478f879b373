import type { LogicalType } from '../../contracts/table.ts'

/** The type with json as the text that it is: for formats that give it as a string. Below the top too. */
export function withJsonAsText(type: LogicalType): LogicalType {
  if (type.kind === 'json') return { kind: 'text', name: type.binary ? 'jsonb' : 'json' }
  if (type.kind === 'array') return { kind: 'array', of: withJsonAsText(type.of) }
  if (type.kind !== 'composite') return type
  return { ...type, fields: type.fields.map((field) => ({ ...field, type: withJsonAsText(field.type) })) }
}
