import { createHash } from 'node:crypto'
import type { LogicalType, Value } from '../../contracts/table.ts'
import { optional, type ConnectSchema } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'
import type { ValueText } from '../json/value-text.ts'
import { binaryForm } from './binary-forms.ts'
import { formOf, type ColumnForm, type FormContext } from './column-form.ts'
import type { DebeziumOptions } from './options.ts'
import { placeholderOf } from './placeholder.ts'

/** Arrays of these Debezium leaves out, though it takes the types themselves. */
const LEFT_OUT = new Set(['name', 'xml', 'point'])

/** Further dimensions are arrays inside the array; lower bounds are not told. */
export function arrayForm(of: LogicalType, context: FormContext): ColumnForm | null {
  const isLeftOut = context.isMoney || context.isVarbit || of.kind === 'interval' || ('name' in of && LEFT_OUT.has(of.name))
  const element = isLeftOut ? null : formOf(of, context)
  if (element === null) return null
  return {
    schema: { type: 'array', optional: false, items: optional(element.schema) },
    text: listText(element.text, nestedText(context)),
    unavailable: unavailableList(element.schema, context.options),
  }
}

type Nested = (text: () => string) => string

function listText(itemText: ValueText, nested: Nested): ValueText {
  const list = (value: Value): string => `[${(value as readonly Value[]).map(item).join(',')}]` // an array, by the value model
  const item = (value: Value): string => {
    if (value === null) return 'null'
    return Array.isArray(value) ? nested(() => list(value)) : itemText(value)
  }
  return list
}

/** No schema says how many dimensions a value has: who reads by it would take an inner array for a 0. */
function nestedText({ options, misfit }: FormContext): Nested {
  if (!(options['value.converter.schemas.enable'] ?? options['schemas.enable'])) return (text) => text()
  return () => misfit('an array of more dimensions than its schema has', 'Set `value.converter.schemas.enable` to `false`')
}

/** The placeholder in the element's own type, as far as that can be: numbers are its bytes. */
function unavailableList({ type, name }: ConnectSchema, options: DebeziumOptions): string | null {
  const { text, bytes } = placeholderOf(options)
  if (name === 'io.debezium.data.Uuid') return `["${nameUuid(bytes)}"]`
  if (type === 'bytes' && name === undefined) return `[${binaryForm(options).unavailable}]`
  if (type === 'string') return `[${quoted(text)}]`
  if (['int16', 'int32', 'int64', 'float', 'double'].includes(type)) return `[${new Int8Array(bytes).join(',')}]`
  return null
}

/** RFC 9562, version 3 without a name space: java.util.UUID, `nameUUIDFromBytes`. */
function nameUuid(name: Uint8Array): string {
  const bytes = createHash('md5').update(name).digest()
  bytes[6] = (bytes[6]! & 0x0f) | 0x30 // 16 bytes
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
