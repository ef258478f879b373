import { STRING, optional } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'
import { named, type ColumnForm } from './column-form.ts'
import type { DebeziumOptions } from './options.ts'
import { placeholderOf } from './placeholder.ts'

/** hstore as JSON in a text, or as a map. */
export function hstoreForm(options: DebeziumOptions): ColumnForm {
  const { text } = placeholderOf(options)
  const object = JSON.stringify({ [text]: text })
  if (options['hstore.handling.mode'] === 'json')
    return { schema: named('io.debezium.data.Json'), text: (value) => quoted(JSON.stringify(value)), unavailable: quoted(object) }
  const schema = { type: 'map' as const, optional: false, keys: STRING, values: optional(STRING) }
  return { schema, text: (value) => JSON.stringify(value), unavailable: object }
}
