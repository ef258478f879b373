import { STRING, optional } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'
import { named, type ColumnForm } from './column-form.ts'
import type { DebeziumOptions } from './options.ts'

/** hstore as JSON in a text, or as a map. */
export function hstoreForm(options: DebeziumOptions): ColumnForm {
  const placeholder = options['unavailable.value.placeholder']
  const object = JSON.stringify({ [placeholder]: placeholder })
  if (options['hstore.handling.mode'] === 'json')
    return { schema: named('io.debezium.data.Json'), text: (value) => quoted(JSON.stringify(value)), unavailable: quoted(object) }
  const schema = { type: 'map' as const, optional: false, keys: STRING, values: optional(STRING) }
  return { schema, text: (value) => JSON.stringify(value), unavailable: object }
}
