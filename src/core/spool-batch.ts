import { deserialize, serialize } from 'node:v8'
import type { Batch, ChangesBatch, RowsBatch } from '../contracts/batch.ts'
import type { Change, Transaction } from '../contracts/change.ts'
import { UNCHANGED, type Row, type Table, type Value } from '../contracts/table.ts'
import { withRows } from './cut-batch.ts'

/** Tables are written once a segment, and named by a number after that. */
export type TableNumbers = (table: Table) => number
export type NumberedTables = (number: number) => Table

/**
 * A batch in V8's own form, which keeps every canonical value; what was not sent is `undefined` there, which no value is. The wire bytes are
 * not kept: a change read back has its row decoded.
 */
export function packBatch(batch: Batch, numberOf: TableNumbers): Uint8Array {
  if (batch.kind === 'changes') {
    const { raw: _, ...rest } = batch
    return serialize({ ...rest, changes: batch.changes.map((change) => packChange(change, numberOf)) })
  }
  if (batch.kind === 'rows') {
    const { columns: _, rows, ...rest } = batch
    return serialize({ ...rest, table: numberOf(batch.table), rows: rows.call(batch).map(packRow) })
  }
  const previous = batch.event === 'schema' && batch.previous ? numberOf(batch.previous) : null
  return serialize({ ...batch, table: numberOf(batch.table), previous })
}

/** Reads batches in their order: what one transaction has in common is one object over all of them, as it was. */
export function createUnpacking() {
  let last: Transaction | null = null

  function shared(tx: Transaction): Transaction {
    if (last !== null && last.position === tx.position && last.xid === tx.xid) {
      // What was not known of it yet when its first part was written.
      if (tx.log) last.log = tx.log
      return last
    }
    return (last = tx)
  }

  function unpackChange(packed: PackedChange, tableOf: NumberedTables): Change {
    const { table, before, oldKey, after, ...rest } = packed
    const tx = packed.tx === null ? null : shared(packed.tx)
    if (packed.op === 'message' || table === null) return { ...rest, table: null, tx } as Change
    if (packed.op === 'truncate') return { ...rest, table: tableOf(table), tx } as Change
    const rows = { before: unpackRow(before ?? null), oldKey: unpackRow(oldKey ?? null), after: unpackRow(after ?? null) }
    return { ...rest, table: tableOf(table), tx, ...rows } as Change
  }

  return function unpackBatch(bytes: Uint8Array, tableOf: NumberedTables): Batch {
    const packed = deserialize(bytes) as PackedBatch // written above only
    if (packed.kind === 'changes') return { ...packed, changes: packed.changes.map((change) => unpackChange(change, tableOf)) }
    if (packed.kind === 'rows') {
      const rows = packed.rows.map((row) => unpackRow(row) ?? [])
      const bare = { ...packed, table: tableOf(packed.table), rows: () => rows } as unknown as RowsBatch // withRows gives it its columns
      return withRows(bare, rows)
    }
    const previous = packed.previous === null ? null : tableOf(packed.previous)
    const { previous: _, ...rest } = packed
    return { ...rest, table: tableOf(packed.table), ...(packed.event === 'schema' && { previous }) } as Batch
  }
}

type Packed = readonly (Value | undefined)[]
type PackedChange = {
  op: Change['op']
  table: number | null
  tx: Transaction | null
  before?: Packed | null
  oldKey?: Packed | null
  after?: Packed | null
}
type PackedBatch =
  | (Omit<ChangesBatch, 'changes'> & { changes: readonly PackedChange[] })
  | (Omit<RowsBatch, 'table' | 'rows' | 'columns'> & { table: number; rows: readonly Packed[] })
  | { kind: 'control'; event: string; table: number; previous: number | null }

function packChange(change: Change, numberOf: TableNumbers): unknown {
  if (change.op === 'message') return change
  if (change.op === 'truncate') return { ...change, table: numberOf(change.table) }
  // Named one by one: `after` may be read through an accessor.
  const { op, ordinal, tx, lsn } = change
  return {
    op,
    table: numberOf(change.table),
    ordinal,
    tx,
    ...(lsn !== undefined && { lsn }),
    ...(op === 'update' && change.mayBeNew && { mayBeNew: true }),
    before: packRow(change.before),
    oldKey: packRow(change.oldKey),
    after: packRow(change.after),
  }
}

function packRow(row: Row | null): Packed | null {
  return row && row.map((value) => (value === UNCHANGED ? undefined : value))
}

function unpackRow(row: Packed | null): Row | null {
  return row && row.map((value) => (value === undefined ? UNCHANGED : value))
}
