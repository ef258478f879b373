import type { RowChange, TruncateChange } from '../../contracts/change.ts'
import type { ReadPlace } from '../../contracts/format.ts'
import { tableName, UNCHANGED, type Row, type Table, type Value } from '../../contracts/table.ts'
import type { ScriptChange, ScriptRow } from '../../contracts/transform.ts'
import { formatTimestampUs } from '../../values/calendar.ts'

/** A row that was there before, as a script gets it. */
export function readObject(table: Table, row: Row, at: ReadPlace): ScriptChange {
  const given = { oldKey: null, before: null, after: rowObject(table, row), unchanged: [] }
  return { op: 'read', table: tableName(table), key: keyObject(table, [row]), ...given, position: at.position, ...NOWHERE }
}

const NOWHERE = { ordinal: null, xid: null, commitTime: null }

/** A change of the log as a script gets it. */
export function changeObject(table: Table, change: RowChange | TruncateChange): ScriptChange {
  const { op, ordinal, tx } = change
  const commitTime = `${formatTimestampUs(BigInt(tx.commitTimeUs))}Z`
  const place = { position: tx.position, ordinal, xid: tx.xid, commitTime }
  if (change.op === 'truncate')
    return { op, table: tableName(table), key: null, oldKey: null, before: null, after: null, unchanged: [], ...place }
  const { before, oldKey, after } = change
  return {
    op,
    table: tableName(table),
    key: keyObject(table, [after, before]),
    oldKey: oldKey && rowObject(table, oldKey),
    before: before && rowObject(table, before),
    after: after && rowObject(table, after),
    unchanged: after ? table.columns.flatMap(({ name }, index) => (after[index] === UNCHANGED ? [name] : [])) : [],
    ...place,
  }
}

function rowObject(table: Table, row: Row): ScriptRow {
  const entries: [string, Value][] = []
  for (const [index, { name }] of table.columns.entries()) {
    const value = row[index]
    if (value !== UNCHANGED) entries.push([name, value ?? null])
  }
  return Object.fromEntries(entries)
}

/** Each key column from the first row that has it; null where the table has no key. Frozen: it follows from the rows. */
function keyObject(table: Table, rows: readonly (Row | null)[]): Readonly<ScriptRow> | null {
  if (table.key.length === 0) return null
  const entries = table.key.map((index): [string, Value] => {
    const value = rows.find((row) => row !== null && row[index] !== UNCHANGED)?.[index]
    return [table.columns[index]?.name ?? '', value === undefined || value === UNCHANGED ? null : value]
  })
  return Object.freeze(Object.fromEntries(entries))
}
