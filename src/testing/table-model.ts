import type { Batch, ControlBatch } from '../contracts/batch.ts'
import type { Change, RowChange } from '../contracts/change.ts'
import { tableName, UNCHANGED, type Column, type Row, type Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'

type Held = {
  table: Table
  keyOf: (row: Row) => string
  rows: Map<string, Row>
  delivered: Set<string> | null
  generation: string | null
}

/** What a sink of shape `tables` must hold after the same batches: the rule in its plainest form. */
export function createTableModel() {
  const tables = new Map<string, Held>()

  return {
    apply(batch: Batch): void {
      if (batch.kind === 'changes') for (const change of batch.changes) applyChange(change)
      else if (batch.kind === 'control') applyControl(batch)
      else for (const row of batch.rows()) put(held(batch.table), row)
    },
    rows: (table: Table): Row[] => [...(tables.get(tableName(table))?.rows.values() ?? [])],
  }

  function held(table: Table): Held {
    const found = tables.get(tableName(table))
    if (found) return found
    const made = { table, keyOf: createKeyOf(table), rows: new Map<string, Row>(), delivered: null, generation: null }
    tables.set(tableName(table), made)
    return made
  }

  function put({ table, keyOf, rows, delivered }: Held, row: Row): void {
    const key = table.key.length > 0 ? keyOf(row) : nthKey(keyOf(row), countOf(rows, keyOf(row)))
    rows.set(key, row)
    delivered?.add(key)
  }

  function applyChange(change: Change): void {
    if (change.op === 'message') return
    const into = held(change.table)
    if (change.op === 'truncate') into.rows.clear()
    else if (change.op === 'delete') remove(into, change.before)
    else put(into, completed(into, change))
  }

  /** An update's row with what it left out taken from the row it replaces, which goes. */
  function completed(into: Held, change: Exclude<RowChange, { op: 'delete' }>): Row {
    const { keyOf, rows } = into
    if (change.op === 'insert') return change.after
    if (into.table.key.length === 0) remove(into, change.before ?? change.after)
    const oldKey = keyOf(change.oldKey ?? change.after)
    const old = rows.get(oldKey)
    rows.delete(oldKey)
    return change.after.map((value, at) => (value === UNCHANGED ? (old?.[at] ?? null) : value))
  }

  function applyControl(control: ControlBatch): void {
    const into = held(control.table)
    if (control.event === 'schema') reshape(into, control.table)
    if (control.event === 'snapshot-begin') begin(into, control.generation)
    if (control.event !== 'snapshot-end') return
    for (const key of into.rows.keys()) if (!into.delivered?.has(key)) into.rows.delete(key)
    into.delivered = into.generation = null
  }

  /** One that is gone on with keeps what it has delivered. */
  function begin(into: Held, generation: string): void {
    if (into.generation === generation) return
    into.generation = generation
    into.delivered = new Set()
  }
}

/** Of equal rows without a key one goes. */
function remove({ table, keyOf, rows }: Held, row: Row): void {
  const key = keyOf(row)
  rows.delete(table.key.length > 0 ? key : nthKey(key, countOf(rows, key) - 1))
}

function countOf(rows: ReadonlyMap<string, Row>, key: string): number {
  let count = 0
  while (rows.has(nthKey(key, count))) count++
  return count
}

function nthKey(key: string, nth: number): string {
  return `${key} ${nth}`
}

/** A column is the same column where its id is: renamed ones keep their values, new ones hold what they say old rows hold. */
function reshape(into: Held, table: Table): void {
  const before = into.table.columns
  const moved = (row: Row, column: Column): Row[number] => {
    const at = before.findIndex((old) => old.id === column.id)
    return at < 0 ? (column.missing ?? null) : (row[at] ?? null)
  }
  const rows = [...into.rows.values()].map((row) => table.columns.map((column) => moved(row, column)))
  into.table = table
  into.keyOf = createKeyOf(table)
  into.rows = new Map(rows.map((row) => [into.keyOf(row), row]))
}
