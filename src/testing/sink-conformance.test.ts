import { describe, expect, test } from 'vitest'
import type { Batch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Sink, SinkCapabilities, SinkRecord } from '../contracts/sink.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { createMemorySinkState } from './memory-sink-state.ts'
import { sinkConformance, type SinkPlace } from './sink-conformance.ts'
import { createTableModel } from './table-model.ts'

/** A sink of tables that keeps every batch and plays them to the model when it is read: right by construction. */
const CAPABILITIES: SinkCapabilities = {
  delivery: 'exactly-once',
  shape: 'tables',
  needsKey: false,
  truncate: true,
  schemaChanges: true,
  partialUpdates: true,
  columnar: false,
  readable: true,
}

/** One thing done wrong. */
type Wrong = {
  batch?(batch: Batch): Batch
  record?(record: SinkRecord, batches: readonly Batch[]): SinkRecord
  /** Batches that become durable without a flush. */
  early?: boolean
  /** The flush forgets the last batch. */
  forgets?: boolean
  /** What it answers to a write. */
  answers?: 'durable'
  /** Looks at no keys. */
  readsAll?: boolean
}

function subjectWith(wrong: Wrong) {
  const place = async (): Promise<SinkPlace> => {
    const durable: Batch[] = []
    const state = createMemorySinkState()
    return { open: async () => openModelSink({ durable, state, wrong }), remove: async () => {} }
  }
  return { name: 'model', capabilities: CAPABILITIES, place }
}

type ModelStore = { durable: Batch[]; state: ReturnType<typeof createMemorySinkState>; wrong: Wrong }

function openModelSink({ durable, state, wrong }: ModelStore): Sink {
  const pending: Batch[] = []
  return {
    async resume() {
      const saved = await state.load()
      if (saved === null) return null
      const { position, carry, chunks } = saved
      return wrong.record?.({ position, carry, chunks }, durable) ?? { position, carry, chunks }
    },
    async write(batch) {
      const kept = wrong.batch?.(batch) ?? batch
      if (wrong.early) durable.push(kept)
      pending.push(kept)
      return wrong.answers ?? 'accepted'
    },
    async flush() {
      const last = pending.at(-1)
      if (last === undefined) return
      if (!wrong.early) durable.push(...(wrong.forgets ? pending.slice(0, -1) : pending))
      const chunks = pending.flatMap((batch) =>
        batch.kind !== 'changes' && 'chunk' in batch && (batch.kind !== 'rows' || batch.last) ? [batch.chunk] : [],
      )
      await state.save({ position: last.end, carry: last.carry, chunks, data: null })
      pending.length = 0
    },
    async *scan(table: Table, keys) {
      const model = createTableModel()
      for (const batch of durable) model.apply(batch)
      const wanted = keys && !wrong.readsAll && new Set(keys.map(createKeyOf(table)))
      yield model.rows(table).filter((row) => !wanted || wanted.has(createKeyOf(table)(row)))
    },
    async [Symbol.asyncDispose]() {},
  }
}

describe('the conformance suite', () => {
  for (const { title, run } of sinkConformance(subjectWith({}))) test(`passes a right sink: ${title}`, run)

  test.each<[string, Wrong]>([
    ['forgets the last batch of a flush', { forgets: true }],
    ['keeps what was not flushed', { early: true }],
    ['ignores deletes', { batch: filtered((change) => change.op !== 'delete') }],
    ['ignores truncates', { batch: filtered((change) => change.op !== 'truncate') }],
    ['ignores the old key', { batch: changed((change) => (change.op === 'update' ? { ...change, oldKey: null } : change)) }],
    ['writes null for what was not sent', { batch: changed(withNulls) }],
    [
      'loses the order inside a batch',
      { batch: (batch) => (batch.kind === 'changes' ? { ...batch, changes: batch.changes.toReversed() } : batch) },
    ],
    [
      'does not hear of new columns',
      {
        batch: (batch) =>
          batch.kind === 'control' && batch.event === 'schema' && batch.previous ? { ...batch, table: batch.previous } : batch,
      },
    ],
    [
      'knows columns by name only',
      { batch: (batch) => (batch.kind === 'control' && batch.event === 'schema' ? { ...batch, table: byName(batch.table) } : batch) },
    ],
    [
      'leaves rows that a later snapshot did not deliver',
      {
        batch: (batch) =>
          batch.kind === 'control' && batch.event === 'snapshot-end' ? { ...batch, event: 'schema', previous: batch.table } : batch,
      },
    ],
    ['takes a change apart that has its row as bytes', { batch: changed((change) => ('image' in change ? { ...change } : change)) }],
    ['records a position too far', { record: (record, batches) => ({ ...record, position: batches.at(-1)!.end.replace(/.$/, '1') }) }],
    ['forgets its carry', { record: (record) => ({ ...record, carry: '' }) }],
    ['says durable before it is', { answers: 'durable' }],
    ['reads back more than it is asked for', { readsAll: true }],
    ['takes the first column for the key', { batch: retabled((table) => ({ ...table, key: table.key.length > 0 ? [0] : [] })) }],
    ['takes one column of two for the key', { batch: retabled((table) => ({ ...table, key: table.key.slice(0, 1) })) }],
    ['compares keys without their case', { batch: changed(inLowerCase) }],
    [
      'drops equal rows of a table without a key',
      { batch: retabled((table) => (table.key.length > 0 ? table : { ...table, key: [0, 1] })) },
    ],
    ['writes every table into one', { batch: retabled((table) => ({ ...table, name: table.name === 'orders' ? 'users' : table.name })) }],
    ['forgets all chunks when one copy ends', { record: forgetsOthers }],
    ['drops the parts of a transaction after the first', { batch: firstPartOnly }],
    ['stops at a table that leaves', { batch: failsAt('table-dropped') }],
    ['sorts what it was given', { batch: sortsInPlace }],
    ['takes the columns of a chunk for rows of one form', { batch: readsColumns }],
    ['forgets its chunks', { record: (record) => ({ ...record, chunks: [] }) }],
  ])('fails a sink that %s', async (_, wrong) => {
    expect(await firstFailure(wrong)).not.toBeNull()
  })
})

/** Size shows nothing here that the small cases do not. */
async function firstFailure(wrong: Wrong): Promise<string | null> {
  for (const { title, run } of sinkConformance(subjectWith(wrong))) {
    if (title.includes('ten thousand')) continue
    try {
      await run()
    } catch {
      return title
    }
  }
  return null
}

function changed(act: (change: Change) => Change): NonNullable<Wrong['batch']> {
  return (batch) => (batch.kind === 'changes' ? { ...batch, changes: batch.changes.map(act) } : batch)
}

function retabled(act: (table: Table) => Table): NonNullable<Wrong['batch']> {
  const tables = new Map<Table, Table>()
  const swap = (table: Table): Table => tables.get(table) ?? (tables.set(table, act(table)).get(table) as Table) // set just now
  return (batch) => {
    if (batch.kind !== 'changes') return { ...batch, table: swap(batch.table) }
    return { ...batch, changes: batch.changes.map((change) => withTable(change, swap)) }
  }
}

/** Not member by member: a row kept as bytes is behind an accessor. */
function withTable(change: Change, swap: (table: Table) => Table): Change {
  return change.op === 'message' ? change : Object.create(change, { table: { value: swap(change.table) } })
}

function inLowerCase(change: Change): Change {
  if (change.op !== 'insert' && change.op !== 'update') return change
  const after = change.after.map((value) => (typeof value === 'string' ? value.toLowerCase() : value))
  return Object.create(change, { after: { value: after } })
}

function forgetsOthers(record: SinkRecord): SinkRecord {
  return {
    ...record,
    chunks: record.chunks.some((chunk) => chunk.endsWith('/end')) ? record.chunks.filter((chunk) => chunk.endsWith('/end')) : record.chunks,
  }
}

function firstPartOnly(batch: Batch): Batch {
  return batch.kind === 'changes' ? { ...batch, changes: (batch.changes[0]?.ordinal ?? 0) > 0 ? [] : batch.changes } : batch
}

function failsAt(event: string): NonNullable<Wrong['batch']> {
  return (batch) => {
    if (batch.kind === 'control' && batch.event === event) throw new TypeError(`no case for ${event}`)
    return batch
  }
}

function sortsInPlace(batch: Batch): Batch {
  if (batch.kind === 'changes') (batch.changes as Change[]).sort((a, b) => a.ordinal - b.ordinal)
  return batch
}

/** As if a vector always held canonical values. */
function readsColumns(batch: Batch): Batch {
  if (batch.kind !== 'rows') return batch
  const { rowCount, vectors } = batch.columns()
  const rows = Array.from({ length: rowCount }, (_, at) =>
    vectors.map((vector) => ('values' in vector ? (vector.values[at] as Row[number]) : null)),
  )
  return { ...batch, rows: () => rows }
}

function filtered(keep: (change: Change) => boolean): NonNullable<Wrong['batch']> {
  return (batch) => (batch.kind === 'changes' ? { ...batch, changes: batch.changes.filter(keep) } : batch)
}

function withNulls(change: Change): Change {
  if (change.op !== 'update') return change
  return { ...change, after: change.after.map((value) => (value === UNCHANGED ? null : value)) }
}

function byName(table: Table): Table {
  const idOf = (name: string): number => [...name].reduce((sum, sign) => (sum * 31 + sign.charCodeAt(0)) % 1e9, 7)
  return { ...table, columns: table.columns.map((column) => ({ ...column, id: idOf(column.name) })) }
}
