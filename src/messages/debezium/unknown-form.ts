import type { LogicalType, Value } from '../../contracts/table.ts'
import { binaryForm } from './binary-forms.ts'
import type { ColumnForm } from './column-form.ts'
import type { DebeziumOptions } from './options.ts'
import { serverText } from './server-text.ts'

/** Types that Debezium does not know: the server's text, as bytes, where it is asked for. */
export function unknownForm(type: LogicalType, options: DebeziumOptions): ColumnForm | null {
  if (!options['include.unknown.datatypes']) return null
  const form = binaryForm(options)
  return { ...form, text: (value) => form.text(Buffer.from(serverText(type, value as Exclude<Value, null>))) } // asked of present values
}
