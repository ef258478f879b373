import { optional, STRING, type ConnectField, type ConnectSchema } from '../../messages/connect/schema.ts'
import type { DebeziumRecord } from '../../messages/debezium/record.ts'
import { INT64 } from '../../messages/connect/schema.ts'
import { SOURCE_SCHEMA } from '../../messages/debezium/source-block.ts'
import { TRANSACTION_SCHEMA } from '../../messages/debezium/transaction-topic.ts'

/** One of `add.fields` or `add.headers`. */
export type AddedField = {
  /** Its new name, with the prefix. */
  name: string
  /** What it is called in the envelope. */
  field: string
  schema: ConnectSchema
  /** Its value as JSON. */
  value(record: DebeziumRecord): string
}

const ENTRY = /^(?:(source|transaction)\.)?(\w+)(?::(.+))?$/
const TOP: readonly ConnectField[] = [
  { field: 'op', ...STRING },
  { field: 'ts_ms', ...INT64 },
  { field: 'ts_us', ...INT64 },
  { field: 'ts_ns', ...INT64 },
]
const STRUCTS = { source: SOURCE_SCHEMA.fields ?? [], transaction: TRANSACTION_SCHEMA.fields ?? [] }

/** `op`, `source.ts_ms`, `table:TABLE`: a field of the envelope or of one of its blocks, and its new name; null for what there is not. */
export function parseAddedField(entry: string, prefix: string): AddedField | null {
  const [, given, field = '', renamed] = ENTRY.exec(entry) ?? []
  const struct = given === undefined ? structOf(field) : (given as keyof typeof STRUCTS) // one of the two in the expression
  const found = (struct === null ? TOP : STRUCTS[struct]).find((each) => each.field === field)
  if (!found) return null
  const { field: _, default: __, ...schema } = found
  const name = prefix + (renamed ?? (given === undefined ? field : `${given}_${field}`))
  return { name, field, schema: optional(schema), value: valueOf(struct, field) }
}

function structOf(field: string): keyof typeof STRUCTS | null {
  if (TOP.some((each) => each.field === field)) return null
  return STRUCTS.transaction.some((each) => each.field === field) ? 'transaction' : 'source'
}

/** Out of the blocks' text, in which no value can look like a member's name: its quotes would be escaped. */
function valueOf(struct: keyof typeof STRUCTS | null, field: string): AddedField['value'] {
  if (field === 'op' && struct === null) return ({ part }) => `"${part.op}"`
  const member = new RegExp(`"${field}":("(?:[^"\\\\]|\\\\.)*"|[^,}]*)`)
  return (record) => member.exec(struct === null ? record.times : record[struct])?.[1] ?? 'null'
}
