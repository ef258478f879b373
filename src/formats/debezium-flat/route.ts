import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { Part } from '../../messages/debezium/record.ts'
import type { TableForm } from '../../messages/debezium/table-form.ts'

/** The topic by `route.by.field`: the column's text. The table's own where it has no such column, or the row nothing in it. */
export function createRoute(form: TableForm, name: string | undefined): (part: Part) => string {
  const field = form.fields.find((each) => each.name === name)
  if (!field) return () => form.topic
  if (field.schema.type !== 'string') {
    const place = { table: tableName(form.table), column: field.column }
    throw new MillraceError('FORMAT_VALUE', {
      ...place,
      what: 'a topic can only be text',
      remedy: 'Name a column of text in `route.by.field`',
    })
  }
  return ({ after, before }) => {
    const value = (after ?? before)?.[field.index]
    return typeof value === 'string' && value.trim() !== '' ? value : form.topic
  }
}
