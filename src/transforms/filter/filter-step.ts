import type { Change, RowChange } from '../../contracts/change.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import type { TableStep } from '../../contracts/transform.ts'
import type { Judge } from './conditions.ts'
import type { Operation } from './config.ts'

type Update = RowChange & { op: 'update' }

/**
 * Lets rows pass that match. A sink must hold just those, whatever the log says of old rows, so an update is judged by both of its rows:
 *
 * | old row      | new row matches                  | new row does not match | not known                          |
 * |--------------|----------------------------------|------------------------|------------------------------------|
 * | matches      | the update                       | a delete               | a delete, and the row is read again |
 * | does not     | an insert of the whole row       | nothing                | nothing, and the row is read again  |
 * | not known    | the update, of a row that may be | a delete               | a delete, and the row is read again |
 * |              | new to the sink                  |                        |                                    |
 *
 * With the default identity the log does not send the old row, so it is not known: a delete of a row that a sink does not hold does
 * nothing there, and an update of one brings it. Where values of that row were not sent, or the new row cannot be judged for want of them,
 * the core reads the row again by its key (`selects`), and it passes `rows`.
 * `operations` are about what the source did: a row that leaves is deleted also where `delete` is not among them.
 */
export function filterStep(table: Table, judge: Judge, operations: ReadonlySet<Operation>): TableStep {
  return {
    to: table,
    moves: table.columns.map((_, index) => index),
    selects: true,
    rows: (rows) => (operations.has('read') ? rows.filter((row) => judge((column) => row[column]) === true) : []),
    change(change) {
      if (!operations.has(change.op)) return null
      switch (change.op) {
        case 'truncate':
          return change
        case 'insert':
          return judge(valuesOf(change)) === true ? change : null
        case 'delete':
          return judge((column) => change.before[column]) === false ? null : change
        case 'update':
          return filterUpdate(table, judge, change)
      }
    },
  }

  function valuesOf({ image, after }: RowChange & { op: 'insert' }) {
    return image ? (column: number) => image.value(column) : (column: number) => after[column]
  }
}

function filterUpdate(table: Table, judge: Judge, change: Update): Change | null {
  const isNow = judge(newValues(change))
  const was = judge((column) => oldValue(table, change, column))
  if (isNow === true && was !== false) return was === true ? change : maybeNew(change)
  if (isNow === true) return entering(table, change)
  return was === false ? null : leaving(table, change)
}

/** Asked of the image where there is one, so that the row is not decoded for it. */
function newValues(change: Update): (column: number) => Row[number] | undefined {
  const { image } = change
  if (image) return (column) => image.value(column)
  const { after, before } = change
  return (column) => (after[column] === UNCHANGED ? before?.[column] : after[column])
}

/** A column of the key is what it is now, where the log does not say that the key changed. */
function oldValue(table: Table, change: Update, column: number): Row[number] | undefined {
  const { before, oldKey } = change
  const sent = before === null ? UNCHANGED : before[column]
  if (sent !== UNCHANGED || !table.key.includes(column)) return sent
  return oldKey === null ? newValues(change)(column) : oldKey[column]
}

/** The sink may not hold the row: what was not sent of it is not owed there. */
function maybeNew(change: Update): Update {
  return change.image || !change.after.includes(UNCHANGED) ? change : { ...change, mayBeNew: true }
}

/** A row that did not match until now. The old row is known, so the new one is whole but where the old one was not. */
function entering(table: Table, change: Update): Change {
  const value = newValues(change)
  const after: Row = table.columns.map((_, column) => value(column) as Row[number]) // rows have every column
  if (after.includes(UNCHANGED)) return maybeNew(change)
  const { image: _, mayBeNew: __, ...rest } = change
  return { ...rest, op: 'insert', before: null, oldKey: null, after }
}

/** A row that goes, by what the log says of the old one: its key at least. */
function leaving(table: Table, change: Update): Change {
  const before: Row = table.columns.map((_, column) => oldValue(table, change, column) as Row[number]) // rows have every column
  const { image: _, mayBeNew: __, ...rest } = change
  return { ...rest, op: 'delete', before, oldKey: null, after: null }
}
