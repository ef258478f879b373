import type { Change, RowChange } from '../../contracts/change.ts'
import type { Message } from '../../contracts/format.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import { UNCHANGED, type Row } from '../../contracts/table.ts'
import type { TableForm } from './table-form.ts'

/** What a change says of one row. */
export type Part = {
  readonly op: 'c' | 'u' | 'd' | 'r' | 't'
  readonly before: Row | null
  readonly after: Row | null
  /** `after` in bytes, where it is there: then it is made into values when it is asked for. */
  readonly image: RowImage | null
  readonly key: string | null
  readonly headers: Record<string, string>
}

/** One message to be, before it has its shape. */
export type DebeziumRecord = {
  part: Part
  /** The source block, and the one of the transaction or `null`, as JSON. */
  source: string
  transaction: string
  /** `"ts_ms":…,"ts_us":…,"ts_ns":…`: when it was made. */
  times: string
}

/** What makes messages of records; one for each table version. */
export type Shape = (form: TableForm) => (record: DebeziumRecord, out: Message[]) => void

type Told = { context: Record<string, string>; skipsUnchanged: boolean }

export const OLD_KEY = '__debezium.oldkey'
export const NEW_KEY = '__debezium.newkey'

/** A change as one record; as two where its key changed: a delete under the old key, then a create under the new one. */
export function partsOf(change: Exclude<Change, { op: 'message' }>, form: TableForm, { context, skipsUnchanged }: Told): readonly Part[] {
  switch (change.op) {
    case 'insert':
      return [new RowPart(change, form, context)]
    case 'delete':
      return [{ op: 'd', before: change.before, after: null, image: null, key: form.key(change.before), headers: context }]
    case 'truncate':
      return [{ op: 't', before: null, after: null, image: null, key: null, headers: context }]
    case 'update': {
      const { before } = change
      if (before === null) return [new RowPart(change, form, context)]
      const { after } = change
      if (skipsUnchanged && isUnchanged(change, form)) return []
      if (!hasNewKey(before, after, form)) return [{ op: 'u', before, after, image: null, key: form.key(after), headers: context }]
      const oldKey = form.plainKey(before) ?? 'null'
      const newKey = form.plainKey(after) ?? 'null'
      return [
        { op: 'd', before, after: null, image: null, key: form.key(before), headers: { [NEW_KEY]: newKey, ...context } },
        { op: 'c', before: null, after, image: null, key: form.key(after), headers: { [OLD_KEY]: oldKey, ...context } },
      ]
    }
  }
}

type WholeRow = Extract<RowChange, { op: 'insert' | 'update' }>

/** A row without an old one: of a class because it is made once a change. Where the row lies in bytes, its values are made only when asked for. */
class RowPart implements Part {
  readonly op: 'c' | 'u'
  readonly before = null
  readonly image: RowImage | null
  readonly key: string | null
  readonly headers: Record<string, string>
  readonly #change: WholeRow

  constructor(change: WholeRow, form: TableForm, headers: Record<string, string>) {
    this.op = change.op === 'insert' ? 'c' : 'u'
    this.image = change.image ?? null
    this.key = (this.image && form.keyOf(this.image)) ?? form.key(change.after)
    this.headers = headers
    this.#change = change
  }

  get after(): Row {
    return this.#change.after
  }
}

/** The fields of the row after the change; null where there is none. */
export function afterText(part: Part, form: TableForm): string | null {
  const text = part.image && form.afterOf(part.image)
  if (text !== null) return text
  return part.after === null ? null : form.after(part.after)
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
