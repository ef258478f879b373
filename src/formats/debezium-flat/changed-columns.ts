import { UNCHANGED, type Row, type Value } from '../../contracts/table.ts'
import type { Part } from '../../messages/debezium/record.ts'
import type { TableForm } from '../../messages/debezium/table-form.ts'
import type { FlatOptions } from './config.ts'

/** The headers of ExtractChangedRecordState, where they are asked for: lists as JSON, empty where there is no old row or no new one. */
export function changedColumns({ before, after }: Part, form: TableForm, options: FlatOptions): Record<string, string> {
  const changedName = options['header.changed.name']
  const unchangedName = options['header.unchanged.name']
  if (changedName === undefined && unchangedName === undefined) return {}
  const changed: string[] = []
  const unchanged: string[] = []
  if (before !== null && after !== null) {
    for (const { index, name, text } of form.fields) {
      const old = before[index] ?? null
      const now = after[index] ?? null
      const isSame = old === now || (isPresent(old) && isPresent(now) && text(old) === text(now))
      // A value that an update left alone is not sent again.
      if (isSame || now === UNCHANGED) unchanged.push(name)
      else changed.push(name)
    }
  }
  return {
    ...(changedName === undefined ? {} : { [changedName]: JSON.stringify(changed) }),
    ...(unchangedName === undefined ? {} : { [unchangedName]: JSON.stringify(unchanged) }),
  }
}

function isPresent(value: Row[number]): value is Exclude<Value, null> {
  return value !== null && value !== UNCHANGED
}

/** The columns to leave out of the row: those that the header names which `drop.fields.header.name` names. */
export function withoutColumns(headers: Readonly<Record<string, string>>, form: TableForm, options: FlatOptions): readonly string[] {
  const header = options['drop.fields.header.name']
  const list = header === undefined ? undefined : headers[header]
  if (list === undefined) return []
  const names = JSON.parse(list) as string[] // made above
  if (!options['drop.fields.keep.schema.compatible']) return names
  return form.valueSchema.fields.filter(({ field, optional }) => optional && names.includes(field)).map(({ field }) => field)
}
