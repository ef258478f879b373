import type { Change, Transaction } from '../../src/contracts/change.ts'
import type { Position } from '../../src/contracts/position.ts'
import { UNCHANGED, type Row } from '../../src/contracts/table.ts'
import { sampleColumn, sampleTable } from '../../src/testing/fixtures.ts'

/** `inc` says which version of its key a row is; `wide` is left out of the log where it did not change. */
export const T = sampleTable('t', [
  sampleColumn('id', { kind: 'int32' }, { nullable: false }),
  sampleColumn('inc', { kind: 'int32' }),
  sampleColumn('wide', { kind: 'text', name: 'text' }),
])

/** A row as the server stores it: in which of the two chunks it lies. */
export type Stored = { inc: number; chunk: 0 | 1 }
export type Rows = Record<string, Stored>

/**
 * What one transaction does. `put` writes the row whole; `move` leaves `wide` as it is and puts the row into another chunk;
 * `rekey` gives it another key; `clear` truncates.
 */
export type Act =
  | { op: 'put' | 'move'; key: number; chunk: 0 | 1 }
  | { op: 'rekey'; key: number; to: number; chunk: 0 | 1 }
  | { op: 'remove'; key: number }
  | { op: 'clear' }

/** A transaction of the server: not begun, running with an id, committed in the log, visible to new snapshots; in that order. */
export type Status = 'none' | 'running' | 'logged' | 'visible'

/** Keys that two transactions both touch make the later one wait until the earlier one is over. */
export function keysOf(act: Act): readonly number[] {
  if (act.op === 'clear') return [1, 2, 3]
  return act.op === 'rekey' ? [act.key, act.to] : [act.key]
}

export const FIRST_XID = 100
const at = (number: number): Position => number.toString(16).toUpperCase().padStart(16, '0')
/** Where the log stands with so many transactions in it. */
export const positionOf = (logged: number): Position => at(logged * 16 + 8)

export const rowOf = (key: number, { inc }: Stored, wide = 'w'): Row => [key, inc, wide]

/** The rows with an act done; `inc` is the version that it writes. */
export function applied(rows: Rows, act: Act, inc: number): Rows {
  if (act.op === 'clear') return {}
  const { [act.key]: _, ...others } = rows
  if (act.op === 'remove') return others
  return { ...others, [act.op === 'rekey' ? act.to : act.key]: { inc, chunk: act.chunk } }
}

/** What the log says of an act, in the `place`-th transaction of the log. */
export function changeOf(act: Act, { xid, place, inc, existed }: { xid: number; place: number; inc: number; existed: boolean }): Change {
  const tx: Transaction = { xid, position: at(place * 16), commitTimeUs: 0 }
  const common = { table: T, ordinal: 0, tx }
  if (act.op === 'clear') return { op: 'truncate', cascade: false, restartIdentity: false, ...common }
  const keyRow = (key: number): Row => [key, UNCHANGED, UNCHANGED]
  if (act.op === 'remove') return { op: 'delete', before: keyRow(act.key), oldKey: null, after: null, ...common }
  if (act.op === 'put' && !existed) return { op: 'insert', before: null, oldKey: null, after: [act.key, inc, 'w'], ...common }
  const wide = act.op === 'put' ? 'w' : UNCHANGED
  if (act.op === 'rekey') return { op: 'update', before: null, oldKey: [act.key, null, null], after: [act.to, inc, wide], ...common }
  return { op: 'update', before: null, oldKey: null, after: [act.key, inc, wide], ...common }
}
