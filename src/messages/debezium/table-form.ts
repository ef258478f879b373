import { tableName, UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { wrapping, type ConnectField, type ConnectSchema } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'
import { columnForm, type ColumnForm } from './column-form.ts'
import { compileMembers, type Members } from './compile-members.ts'
import { createImageText, type ImageText } from './image-text.ts'
import { keyColumnsOf } from './key-columns.ts'
import { createMisfit } from './misfit.ts'
import { adjustFieldName, adjustSchemaName, topicName } from './names.ts'
import type { DebeziumOptions } from './options.ts'
import { sourceParameters } from './source-parameters.ts'

/** One captured column. */
export type FieldForm = Omit<ColumnForm, 'unavailable'> & {
  /** Its place in rows. */
  index: number
  /** The column's name, and the field's, which may be adjusted. */
  column: string
  name: string
  /** Stands for a value that was not sent. Throws where the form has nothing that could (or says null, where that is wanted). */
  unavailable(): string
}

/** All that messages of one table version share. */
export type TableForm = {
  table: Table
  topic: string
  /** `schema.table`, as transactions count it. */
  collection: string
  fields: readonly FieldForm[]
  /** The schema of a row after a change. */
  valueSchema: ConnectSchema & { fields: readonly ConnectField[] }
  /** The schema of a row before it: columns that the log does not send of old rows may be null there. */
  oldSchema: ConnectSchema
  /** `"id":1,"name":"x"`. What was not sent is its placeholder. */
  after: Members
  /** `after` of a row that has an image. */
  afterOf: ImageText
  /** The key of such a row, as `key` gives it; null where it has to be made of the row. */
  keyOf: ImageText
  /** The same of an old row. What was not sent is null. */
  before: Members
  /** `after` as a list, without these fields. */
  someOf(row: Row, without: readonly string[]): string[]
  /** Places in rows of what makes the key. */
  keyColumns: readonly number[]
  keySchema: ConnectSchema
  /** The key with its schema, where keys have one; null where the table has no key. Throws `FORMAT_KEY` where the row lacks a part. */
  key(row: Row): string | null
  /** The same without a schema. */
  plainKey(row: Row): string | null
}

export function createTableForm(table: Table, options: DebeziumOptions, prefix: string): TableForm {
  const adjustSchema = (name: string): string => adjustSchemaName(name, options['schema.name.adjustment.mode'])
  const topic = topicName([prefix, table.schema, table.name], options['topic.delimiter'])
  const keys = keyColumnsOf(table, options['message.key.columns'])
  const fields = table.columns.flatMap((_, index) => fieldForm(table, index, options) ?? [])
  const keyFields = keys.flatMap((index) => fields.find((field) => field.index === index) ?? [])
  const valueFields = fields.map(({ name, index, schema }): ConnectField => {
    const parameters = { ...schema.parameters, ...sourceParameters(table, table.columns[index]!, options) } // a column of the table
    return { ...schema, ...(Object.keys(parameters).length > 0 ? { parameters } : {}), field: name }
  })
  const valueSchema = { type: 'struct' as const, optional: true, name: adjustSchema(`${topic}.Value`), fields: valueFields }
  const keySchema: ConnectSchema = {
    type: 'struct',
    optional: false,
    name: adjustSchema(`${topic}.Key`),
    fields: keyFields.map(({ name, schema }) => ({ ...schema, field: name })),
  }
  const plainKey = keyText(table, keyFields)
  const keyMembers = createImageText(keyFields)
  const hasSchema = options['key.converter.schemas.enable'] ?? options['schemas.enable']
  const around = wrapping(hasSchema ? keySchema : null)
  return {
    table,
    topic,
    collection: tableName(table),
    fields,
    valueSchema,
    oldSchema: { ...valueSchema, fields: valueFields.map((field, at) => oldField(field, fields[at]!.index, table)) }, // made from the same list
    after: compileMembers(fields, 'placeholder'),
    before: compileMembers(fields, 'null'),
    afterOf: createImageText(fields),
    keyOf(image) {
      const members = keyFields.length === 0 ? null : keyMembers(image)
      return members === null ? null : `${around.before}{${members}}${around.after}`
    },
    someOf: (row, without) => fields.filter(({ name }) => !without.includes(name)).map((field) => memberText(field, row)),
    keySchema,
    keyColumns: keyFields.map((field) => field.index),
    key(row) {
      const key = plainKey(row)
      return key === null ? null : around.before + key + around.after
    },
    plainKey,
  }
}

function fieldForm(table: Table, index: number, options: DebeziumOptions): FieldForm | null {
  const column = table.columns[index]! // index < length
  const isFatal = options['event.converting.failure.handling.mode'] === 'fail'
  const misfit = createMisfit({ table: tableName(table), column: column.name }, isFatal)
  const form = columnForm(column, options, misfit)
  if (form === null) return null
  const remedy = `Set \`ALTER TABLE ${tableName(table)} REPLICA IDENTITY FULL\`, so that the log has the whole row`
  const { unavailable } = form
  return {
    ...form,
    schema: { ...form.schema, optional: column.nullable },
    unavailable: () => unavailable ?? misfit('a large value that an update left alone, which the log did not send', remedy),
    index,
    column: column.name,
    name: adjustFieldName(column.name, options['field.name.adjustment.mode']),
  }
}

function memberText({ name, index, text, unavailable }: FieldForm, row: Row): string {
  const value = row[index] ?? null
  return `${quoted(name)}:${value === null ? 'null' : value === UNCHANGED ? unavailable() : text(value)}`
}

/** `REPLICA IDENTITY FULL` sends old rows whole; else only the key is sure to be there. */
function oldField(field: ConnectField, index: number, table: Table): ConnectField {
  return table.identity === 'full' || table.key.includes(index) ? field : { ...field, optional: true }
}

function keyText(table: Table, fields: readonly FieldForm[]): (row: Row) => string | null {
  if (fields.length === 0) return () => null
  const parts = fields.map(({ name, ...field }, at) => ({ ...field, head: `${at === 0 ? '{' : ','}${quoted(name)}:` }))
  return (row) => {
    let text = ''
    for (const { index, column, head, text: textOf } of parts) {
      const value = row[index]
      if (value === undefined || value === UNCHANGED) throw new MillraceError('FORMAT_KEY', { table: tableName(table), column })
      text += head + (value === null ? 'null' : textOf(value))
    }
    return `${text}}`
  }
}
