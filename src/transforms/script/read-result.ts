import type { Change, RowChange, TruncateChange } from '../../contracts/change.ts'
import { tableName, UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import type { ScriptChange } from '../../contracts/transform.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { isOfType } from './is-of-type.ts'
import { placeText } from './load-script.ts'

type Whence = { given: ScriptChange; change: RowChange | TruncateChange }
/** `holes`: the columns that may be left out, and are then UNCHANGED. */
type Reading = { given: ScriptChange; part: string; holes: (column: string) => boolean }

/** Makes changes of what a script returned, or throws what is wrong with it; never a value of it. */
export function createReader(table: Table, module: string) {
  const names = new Set(table.columns.map((column) => column.name))
  const isKey = new Set(table.key.map((index) => table.columns[index]?.name))

  const refuse = (given: ScriptChange, reason: string) =>
    new MillraceError('TRANSFORM_SCRIPT_RESULT', { module, table: tableName(table), position: placeText(given), reason })

  const listOf = (returned: unknown, given: ScriptChange): readonly ScriptChange[] => {
    if (returned === null) return []
    if (returned === undefined) throw refuse(given, 'nothing (undefined); to drop a change, return null')
    const list: readonly unknown[] = Array.isArray(returned) ? returned : [returned]
    for (const each of list) checkOutline(each, given)
    return list as readonly ScriptChange[] // checked
  }
  const checkOutline = (each: unknown, given: ScriptChange) => {
    if (typeof each !== 'object' || each === null) throw refuse(given, `a ${each === null ? 'null in a list' : typeof each}`)
    if (typeof (each as { then?: unknown }).then === 'function') throw refuse(given, 'a promise; a script runs synchronously')
    const { op, table: named } = each as Partial<ScriptChange> // any object: looked at member by member
    if (named !== given.table) throw refuse(given, 'its table is another one')
    const isFitting =
      given.op === 'read' || given.op === 'truncate' ? op === given.op : op === 'insert' || op === 'update' || op === 'delete'
    if (!isFitting) throw refuse(given, `its op cannot come of ${given.op}`)
  }

  const rowOf = (object: unknown, { given, part, holes }: Reading): Row => {
    if (typeof object !== 'object' || object === null || Array.isArray(object)) throw refuse(given, `${part} is no object`)
    const unknown = Object.keys(object).find((name) => !names.has(name))
    if (unknown !== undefined) throw refuse(given, `${part} has the column ${unknown}, which the table does not have`)
    return table.columns.map(({ name, type, nullable }) => {
      const value: unknown = Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined // an object
      if (value === undefined && holes(name)) return UNCHANGED
      if (value === undefined) throw refuse(given, `${part} lacks the column ${name}`)
      if (value === null && !nullable) throw refuse(given, `${part}.${name} is null, and the column takes no NULL`)
      if (value !== null && !isOfType(type, value))
        throw refuse(given, `${part}.${name} is no value of a column of its type (${type.kind})`)
      return value as Row[number] // isOfType
    })
  }
  const never = () => false
  /** Of an old row anything may be missing but the key. */
  const oldRow = (object: unknown, given: ScriptChange, part: string) => rowOf(object, { given, part, holes: (name) => !isKey.has(name) })

  const change = (made: ScriptChange, { given, change: of }: Whence): Change => {
    if (of.op === 'truncate') return of
    const { ordinal, tx, lsn } = of
    const place = { table, ordinal, tx, ...(lsn === undefined ? {} : { lsn }) }
    switch (made.op) {
      case 'insert':
        return { op: 'insert', before: null, oldKey: null, after: rowOf(made.after, { given, part: 'after', holes: never }), ...place }
      case 'delete':
        return {
          op: 'delete',
          before: oldRow(made.before ?? given.oldKey ?? given.key, given, 'before'),
          oldKey: null,
          after: null,
          ...place,
        }
      default:
        return { ...update(made, given), ...place }
    }
  }
  const update = (made: ScriptChange, given: ScriptChange) => {
    const unsent = new Set(given.unchanged)
    const after = rowOf(made.after, { given, part: 'after', holes: (name) => unsent.has(name) })
    const before = made.before ? rowOf(made.before, { given, part: 'before', holes: () => true }) : null
    const oldKey = made.oldKey ? oldRow(made.oldKey, given, 'oldKey') : null
    // A script may drop rows: the sink need not hold this one. What was not sent of it is read again.
    const isPartial = after.includes(UNCHANGED)
    return { op: 'update' as const, before, oldKey, after, ...(isPartial ? { mayBeNew: true as const } : {}) }
  }
  return { listOf, change, row: (made: ScriptChange, given: ScriptChange) => rowOf(made.after, { given, part: 'after', holes: never }) }
}
