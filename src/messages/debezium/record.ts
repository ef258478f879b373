import type { Change, RowChange } from '../../contracts/change.ts'
import type { Message } from '../../contracts/format.ts'
import { UNCHANGED, type Row } from '../../contracts/table.ts'
import type { TableForm } from './table-form.ts'

/** One message to be, before it has its shape. */
export type DebeziumRecord = {
  op: 'c' | 'u' | 'd' | 'r' | 't'
  form: TableForm
  before: Row | null
  after: Row | null
  key: string | null
  headers: Record<string, string>
  /** The source block, and the one of the transaction or `null`, as JSON. */
  source: string
  transaction: string
  /** `"ts_ms":…,"ts_us":…,"ts_ns":…`: when it was made. */
  times: string
}

/** What makes messages of records; one for each table version. */
export type Shape = (form: TableForm) => (record: DebeziumRecord, out: Message[]) => void

type Part = Pick<DebeziumRecord, 'op' | 'before' | 'after' | 'key' | 'headers'>
type Told = { context: Record<string, string>; skipsUnchanged: boolean }

export const OLD_KEY = '__debezium.oldkey'
export const NEW_KEY = '__debezium.newkey'

/** A change as one record; as two where its key changed: a delete under the old key, then a create under the new one. */
export function partsOf(change: Exclude<Change, { op: 'message' }>, form: TableForm, { context, skipsUnchanged }: Told): readonly Part[] {
  switch (change.op) {
    case 'insert':
      return [{ op: 'c', before: null, after: change.after, key: form.key(change.after), headers: context }]
    case 'delete':
      return [{ op: 'd', before: change.before, after: null, key: form.key(change.before), headers: context }]
    case 'truncate':
      return [{ op: 't', before: null, after: null, key: null, headers: context }]
    case 'update': {
      const { before, after } = change
      if (skipsUnchanged && before !== null && isUnchanged(change, form)) return []
      if (before === null || !hasNewKey(before, after, form)) return [{ op: 'u', before, after, key: form.key(after), headers: context }]
      const oldKey = form.plainKey(before) ?? 'null'
      const newKey = form.plainKey(after) ?? 'null'
      return [
        { op: 'd', before, after: null, key: form.key(before), headers: { [NEW_KEY]: newKey, ...context } },
        { op: 'c', before: null, after, key: form.key(after), headers: { [OLD_KEY]: oldKey, ...context } },
      ]
    }
  }
}

/** An old row that lacks a part of the key says nothing of it. */
function hasNewKey(before: Row, after: Row, form: TableForm): boolean {
  if (form.keyColumns.some((index) => before[index] === UNCHANGED)) return false
  return form.plainKey(before) !== form.plainKey(after)
}

/** Only a whole old row tells: with UNCHANGED in it, the texts may be equal where the values are not. */
function isUnchanged({ before, after }: Extract<RowChange, { op: 'update' }>, form: TableForm): boolean {
  return before !== null && !before.includes(UNCHANGED) && !after.includes(UNCHANGED) && form.before(before) === form.after(after)
}
