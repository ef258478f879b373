import type { MessageChange, RowChange, TruncateChange } from '../../contracts/change.ts'
import { tableName, type Row, type Table } from '../../contracts/table.ts'
import { base64, flatText, quoted } from './json-text.ts'
import { createRowText, type RowText } from './row-text.ts'

/** What a change is as a JSON object, lossless, up to its place in the log: the texts are not closed, `end` closes them. */
export type ChangeText = { rows: RowText; change(change: RowChange, end: string): string; read(row: Row, end: string): string }

/** For one table version. */
export function createChangeText(table: Table): ChangeText {
  const rows = createRowText(table)
  const named = `"table":${quoted(tableName(table))},"key":`
  const heads = {
    read: flatText(`{"op":"read",${named}`),
    insert: flatText(`{"op":"insert",${named}`),
    update: flatText(`{"op":"update",${named}`),
    delete: flatText(`{"op":"delete",${named}`),
  }
  const withRow = (head: string, after: Row, before: Row | null, between: string): string => {
    const whole = rows.whole(after, head, between)
    if (whole !== '') return whole
    const rest = `,"unchanged":${rows.unchanged(after)}${rows.jsonNulls(after, 'jsonNull')}`
    return head + rows.key(after, before) + between + rows.object(after) + rest
  }

  return {
    rows,
    read: (row, end) => withRow(heads.read, row, null, NO_BEFORE) + end,
    change: (change, end) => {
      if (change.op === 'insert') return withRow(heads.insert, change.after, null, NO_BEFORE) + end
      if (change.op === 'update')
        return withRow(heads.update, change.after, change.before, beforeOf(rows, change)) + nullsBefore(rows, change) + end
      const { before } = change
      return `${heads.delete}${rows.key(before, null)},"before":${rows.object(before)},"after":null,"unchanged":[]${rows.jsonNulls(before, 'jsonNull')}${end}`
    },
  }
}

const NO_BEFORE = ',"before":null,"after":'

type Update = Extract<RowChange, { op: 'update' }>

function beforeOf(rows: RowText, { oldKey, before }: Update): string {
  if (oldKey === null && before === null) return NO_BEFORE
  const old = oldKey === null ? '' : `,"oldKey":${rows.key(oldKey, before)}`
  return `${old},"before":${before === null ? 'null' : rows.object(before)},"after":`
}

/** `jsonNull` speaks of the row as it is after the change; an update's old row has a list of its own. */
function nullsBefore(rows: RowText, { before }: Update): string {
  return before === null ? '' : rows.jsonNulls(before, 'jsonNullBefore')
}

export function truncateText({ table, cascade, restartIdentity }: TruncateChange): string {
  return `{"op":"truncate","table":${quoted(tableName(table))},"cascade":${cascade},"restartIdentity":${restartIdentity}`
}

export function messageText({ prefix, content, transactional }: Pick<MessageChange, 'prefix' | 'content' | 'transactional'>): string {
  return `{"op":"message","prefix":${quoted(prefix)},"content":${base64(content)},"transactional":${transactional}`
}
