import type { Batch, ControlBatch, RowsBatch } from '../../src/contracts/batch.ts'
import type { RowChange } from '../../src/contracts/change.ts'
import type { Position } from '../../src/contracts/position.ts'
import type { SinkRecord } from '../../src/contracts/sink.ts'
import { UNCHANGED, type Row, type Table } from '../../src/contracts/table.ts'
import { createKeyOf } from '../../src/values/create-key-of.ts'

/**
 * A sink that materialises tables in memory and looks at every step: no row goes back to an older version, no deleted row comes back, a row
 * read for a key that is held equals what is held. What it holds durably is a copy, taken with the checkpoint.
 */
export type ModelSink = {
  apply(batch: Batch): void
  /** Everything applied becomes durable, with the position of the last batch. */
  checkpoint(): void
  /** A kill: what was not durable is gone. */
  crash(): void
  record(): SinkRecord | null
  /** The position of what was applied last. */
  applied(): Position | null
  /** Rows by table and key, values as text. */
  rows(table: string): ReadonlyMap<string, Row>
  /** The rows of a table without a key. */
  lines(table: string): readonly Row[]
  readonly counts: { emitted: number; filled: number }
}

type Held = {
  rows: Map<string, Row>
  lines: Row[]
  /** Keys delivered since the generation began. */
  delivered: { generation: string; keys: Set<string> } | null
  newest: Map<string, bigint>
  dead: Set<string>
}
type State = { tables: Map<string, Held>; record: SinkRecord | null }

export function createModelSink(name: string, violation: (text: string) => void): ModelSink {
  let state: State = { tables: new Map(), record: null }
  let durable = copyOf(state)
  const counts = { emitted: 0, filled: 0 }
  const keyers = new WeakMap<Table, (row: Row) => string>()
  const blame = (text: string) => violation(`${name}: ${text}`)

  const held = (table: Table): Held => {
    const found = state.tables.get(table.name) ?? { rows: new Map(), lines: [], delivered: null, newest: new Map(), dead: new Set() }
    state.tables.set(table.name, found)
    return found
  }
  const keyOf = (table: Table, row: Row): string => {
    const keyer = keyers.get(table) ?? createKeyOf(table)
    keyers.set(table, keyer)
    return keyer(row)
  }
  const put = (table: Table, key: string, row: Row, how: 'read' | 'stream') => {
    const to = held(table)
    const { inc, v } = versionOf(table, row)
    const newest = to.newest.get(inc)
    if (newest !== undefined && v < newest) blame(`step back by ${how}: ${table.name} ${key} inc ${inc} v ${newest} to ${v}`)
    to.newest.set(inc, v)
    if (how === 'stream') to.dead.delete(inc)
    to.rows.set(key, row)
    to.delivered?.keys.add(key)
  }
  const change = (each: RowChange) => {
    const { table } = each
    const to = held(table)
    if (table.key.length === 0) return void (each.after && to.lines.push(each.after))
    const before = each.op === 'insert' ? null : keyOf(table, each.op === 'delete' ? each.before : (each.oldKey ?? withKey(each)))
    const old = before === null ? undefined : to.rows.get(before)
    if (before !== null) {
      to.rows.delete(before)
      to.delivered?.keys.delete(before)
    }
    if (each.op === 'delete') return void (old && to.dead.add(versionOf(table, old).inc))
    const row = each.after.map((value, index) => (value === UNCHANGED ? (old?.[index] ?? UNCHANGED) : value))
    if (old) checkStep(table, old, row)
    put(table, keyOf(table, row), row, 'stream')
  }
  const checkStep = (table: Table, old: Row, row: Row) => {
    const [from, to] = [versionOf(table, old), versionOf(table, row)]
    if (from.inc === to.inc && to.v !== from.v + 1n) blame(`gap in the stream: ${table.name} inc ${to.inc} v ${from.v} to ${to.v}`)
  }
  const read = ({ table, rows }: RowsBatch, all: readonly Row[] = rows()) => {
    const to = held(table)
    if (table.key.length === 0) return void to.lines.push(...all)
    for (const row of all) {
      counts.emitted++
      const key = keyOf(table, row)
      const { inc } = versionOf(table, row)
      if (to.dead.has(inc)) blame(`back from the dead: ${table.name} ${key} inc ${inc}`)
      const old = to.rows.get(key)
      if (old?.includes(UNCHANGED)) counts.filled++
      if (old && old.length === row.length && old.some((value, index) => value !== UNCHANGED && String(value) !== String(row[index]))) {
        blame(`read differs from what is held: ${table.name} ${key} ${old.length}`)
      }
      put(table, key, row, 'read')
    }
  }
  const control = (batch: ControlBatch) => {
    const to = held(batch.table)
    if (batch.event === 'snapshot-begin') {
      if (to.delivered?.generation === batch.generation) return
      to.delivered = { generation: batch.generation, keys: new Set() }
      to.lines = []
    } else if (batch.event === 'snapshot-end') {
      if (to.delivered?.generation !== batch.generation) return blame(`an end without its begin: ${batch.table.name} ${batch.generation}`)
      for (const key of to.rows.keys()) if (batch.table.key.length > 0 && !to.delivered.keys.has(key)) to.rows.delete(key)
      to.delivered = null
    }
  }

  return {
    apply(batch) {
      if (state.record && batch.end < state.record.position) blame(`position went back from ${state.record.position} to ${batch.end}`)
      if (batch.kind === 'rows') read(batch)
      else if (batch.kind === 'control') control(batch)
      else {
        for (const each of batch.changes) {
          if (each.op === 'message') continue
          if (each.op !== 'truncate') change(each)
          else truncate(held(each.table), each.table)
        }
      }
      const chunks = new Set(state.record?.chunks)
      if (batch.kind === 'rows' && batch.last) chunks.add(batch.chunk)
      if (batch.kind === 'control' && batch.event === 'snapshot-end') {
        for (const id of chunks) if (id.startsWith(batch.chunk.slice(0, -'end'.length))) chunks.delete(id)
        chunks.add(batch.chunk)
      }
      state.record = { position: batch.end, carry: batch.carry, chunks: [...chunks] }
    },
    checkpoint: () => void (durable = copyOf(state)),
    crash: () => void (state = copyOf(durable)),
    record: () => durable.record,
    applied: () => state.record?.position ?? null,
    rows: (table) => state.tables.get(table)?.rows ?? new Map(),
    lines: (table) => state.tables.get(table)?.lines ?? [],
    counts,
  }
}

function truncate(held: Held, table: Table): void {
  for (const row of held.rows.values()) if (table.key.length > 0) held.dead.add(versionOf(table, row).inc)
  held.rows.clear()
  held.lines = []
  held.delivered?.keys.clear()
}

function versionOf(table: Table, row: Row): { inc: string; v: bigint } {
  const value = (name: string) => row[table.columns.findIndex((column) => column.name === name)]
  return { inc: String(value('inc')), v: BigInt(String(value('v'))) }
}

/** A key column that did not change and was stored out of line comes in the old row only. */
function withKey({ after, before }: RowChange & { op: 'update' }): Row {
  return after.map((value, index) => (value === UNCHANGED ? (before?.[index] ?? null) : value))
}

function copyOf({ tables, record }: State): State {
  const copies = [...tables].map(([name, held]): [string, Held] => {
    const delivered = held.delivered && { generation: held.delivered.generation, keys: new Set(held.delivered.keys) }
    const { rows, lines, newest, dead } = held
    return [name, { rows: new Map(rows), lines: [...lines], delivered, newest: new Map(newest), dead: new Set(dead) }]
  })
  return { tables: new Map(copies), record: record && { ...record } }
}
