import { describe, expect, test } from 'vitest'
import type { Batch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Sink, SinkCapabilities, SinkRecord } from '../contracts/sink.ts'
import { UNCHANGED, type Table } from '../contracts/table.ts'
import { createMemorySinkState } from './memory-sink-state.ts'
import { sinkConformance, type SinkPlace } from './sink-conformance.ts'
import { createTableModel } from './table-model.ts'

/** A sink of tables that keeps every batch and plays them to the model when it is read: right by construction. */
const CAPABILITIES: SinkCapabilities = {
  delivery: 'exactly-once',
  shape: 'tables',
  needsKey: true,
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
      return 'accepted'
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
    async *scan(table: Table) {
      const model = createTableModel()
      for (const batch of durable) model.apply(batch)
      yield model.rows(table)
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
    ['forgets its chunks', { record: (record) => ({ ...record, chunks: [] }) }],
  ])('fails a sink that %s', async (_, wrong) => {
    expect(await firstFailure(wrong)).not.toBeNull()
  })
})

async function firstFailure(wrong: Wrong): Promise<string | null> {
  for (const { title, run } of sinkConformance(subjectWith(wrong))) {
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
