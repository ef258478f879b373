import type { Message } from '../../contracts/format.ts'
import type { Row } from '../../contracts/table.ts'
import { optional, STRING, wrapping, type ConnectField, type Wrapping } from '../../messages/connect/schema.ts'
import { afterText, type DebeziumRecord, type Part, type Shape } from '../../messages/debezium/record.ts'
import type { TableForm } from '../../messages/debezium/table-form.ts'
import { quoted } from '../../messages/json/json-text.ts'
import { parseAddedField, type AddedField } from './added-fields.ts'
import type { FlatOptions } from './config.ts'
import { createRoute } from './route.ts'
import { changedColumns, withoutColumns } from './changed-columns.ts'

const DELETED: ConnectField = { field: '__deleted', ...optional(STRING) }

/** The row after a change, or before a delete, with what `add.fields` names. Truncates have no row, and no message. */
export function flatShape(options: FlatOptions, hasSchemas: boolean): Shape {
  const mode = options['delete.tombstone.handling.mode']
  const isRewritten = mode === 'rewrite' || mode === 'rewrite-with-tombstone'
  const fields = addedFields(options['add.fields'], options['add.fields.prefix'])
  const named = fields.map(({ name, value }) => ({ name: `,${quoted(name)}:`, value }))
  const withChanges = options['header.changed.name'] !== undefined || options['header.unchanged.name'] !== undefined
  const headers = addedFields(options['add.headers'], options['add.headers.prefix'])
  const more = [...(isRewritten ? [DELETED] : []), ...fields.map(({ name, schema }) => ({ ...schema, field: name }))]

  return (form) => {
    const route = createRoute(form, options['route.by.field'])
    const schemaOf = createSchemas(form, hasSchemas, more)
    const nothing = hasSchemas ? wrapping(form.valueSchema) : wrapping(null)

    const valueOf = (record: DebeziumRecord, dropped: readonly string[]): string => {
      let members = membersOf(record.part, form, dropped)
      if (isRewritten) members += `,"__deleted":"${record.part.op === 'd'}"`
      for (const { name, value } of named) members += name + value(record)
      const around = schemaOf(dropped)
      return `${around.before}{${form.fields.length === dropped.length ? members.slice(1) : members}}${around.after}`
    }

    return (record, out) => {
      const { part } = record
      const { op, key } = part
      if (op === 't') return
      const told = withChanges ? { ...part.headers, ...changedColumns(part, form, options) } : part.headers
      const message: Message = {
        topic: route(part),
        key,
        value: null,
        headers: headers.length === 0 ? told : { ...told, ...headerTexts(headers, record) },
      }
      if (op !== 'd') return void out.push({ ...message, value: valueOf(record, withoutColumns(told, form, options)) })
      if (isRewritten) out.push({ ...message, value: valueOf(record, withoutColumns(told, form, options)) })
      if (mode === 'tombstone') out.push({ ...message, value: `${nothing.before}null${nothing.after}` })
      if (mode === 'delete-to-tombstone') out.push(message)
      if (mode === 'rewrite-with-tombstone' && options['tombstones.on.delete']) out.push({ ...message, topic: form.topic })
    }
  }
}

function addedFields(entries: readonly string[], prefix: string): readonly AddedField[] {
  return entries.flatMap((entry) => parseAddedField(entry, prefix) ?? [])
}

function membersOf(part: Part, form: TableForm, dropped: readonly string[]): string {
  if (dropped.length > 0 && part.after !== null) return form.someOf(part.after, dropped).join(',')
  return afterText(part, form) ?? form.before(part.before as Row) // a delete has one
}

/** Columns that were left out are left out of the schema too. */
function createSchemas(form: TableForm, hasSchemas: boolean, more: readonly ConnectField[]): (dropped: readonly string[]) => Wrapping {
  const made = new Map<string, Wrapping>()
  return (dropped) => {
    const name = dropped.join('\n')
    let around = made.get(name)
    if (around === undefined) {
      const fields = [...form.valueSchema.fields.filter(({ field }) => !dropped.includes(field)), ...more]
      made.set(name, (around = wrapping(hasSchemas ? { ...form.valueSchema, optional: false, fields } : null)))
    }
    return around
  }
}

/** Texts as they are, everything else as JSON; what is null has no header. */
function headerTexts(headers: readonly AddedField[], record: DebeziumRecord): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const { name, value } of headers) {
    const json = value(record)
    if (json !== 'null') texts[name] = json.startsWith('"') ? (JSON.parse(json) as string) : json // it begins as a text does
  }
  return texts
}
