import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Batch, ChangesBatch, Columns, ControlBatch, RowsBatch } from '../../contracts/batch.ts'
import type { Change, RowChange } from '../../contracts/change.ts'
import type { Log, Sink } from '../../contracts/sink.ts'
import type { Column, LogicalType, Row, Table } from '../../contracts/table.ts'
import { config } from './config.ts'
import { createDuckdbSink } from './sink.ts'

/** A folder of a test's own, removed with it. */
export function temporaryFolder(): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'millrace-duckdb-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export const signal: AbortSignal = new AbortController().signal
export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

export function openTestSink(folder: string, settings: Record<string, unknown> = {}, log: Log = silent): Sink {
  return createDuckdbSink(config.parse({ path: 'test.duckdb', ...settings }), { pipeline: 'shop', name: 'duckdb', baseDir: folder, log })
}

type Columnish = [name: string, type: LogicalType, more?: Partial<Column>]

/** A table whose first `keys` columns are its key. */
export function makeTable(columns: readonly Columnish[], more: { keys?: number } & Partial<Table> = {}): Table {
  const { keys = 1, ...rest } = more
  const described = columns.map(([name, type, facts], at) => makeColumn(name, type, { id: at + 1, ...facts }))
  const key = Array.from({ length: keys }, (_, at) => at)
  const version = JSON.stringify([described.map(({ id, name, type }) => [id, name, type]), key, rest.schema, rest.name])
  return { schema: 'public', name: 'users', id: 1, version, columns: described, key, identity: 'key', ...rest }
}

function makeColumn(name: string, type: LogicalType, facts: Partial<Column>): Column {
  return { name, id: 0, type, sourceType: type.kind, typeOid: 0, typeModifier: -1, nullable: true, ...facts }
}

export function at(number: number): string {
  return number.toString(16).toUpperCase().padStart(16, '0')
}

export type Step =
  | { op: 'insert'; after: Row }
  | { op: 'update'; after: Row; before?: Row; oldKey?: Row }
  | { op: 'delete'; before: Row }
  | { op: 'truncate' }

/** One transaction, committed just before position `end`. */
export function changes(end: number, table: Table, steps: readonly Step[]): ChangesBatch {
  const tx = { position: at(end - 1), xid: end, commitTimeUs: 0 }
  const made = steps.map((step, ordinal): Change => {
    if (step.op === 'truncate') return { op: 'truncate', table, cascade: false, restartIdentity: false, ordinal, tx }
    return { before: null, oldKey: null, after: null, ...step, table, ordinal, tx } as RowChange
  })
  return { ...place(end), kind: 'changes', changes: made, bytes: 0, betweenTransactions: true }
}

export function rows(end: number, table: Table, given: { rows: Row[]; chunk?: string; last?: boolean; columns?: Columns }): RowsBatch {
  const columns = (): Columns =>
    given.columns ?? {
      rowCount: given.rows.length,
      vectors: table.columns.map((_, column) => ({ form: 'values', values: given.rows.map((row) => row[column] ?? null) })),
    }
  const facts = { table, chunk: given.chunk ?? `${table.schema}.${table.name}/g1/${end}`, last: given.last ?? true, bytes: 0 }
  return { ...place(end), ...facts, kind: 'rows', rowCount: given.rows.length, rows: () => given.rows, columns }
}

type Event =
  | { event: 'schema' | 'table-dropped' }
  | { event: 'snapshot-begin'; generation?: string; fresh?: boolean }
  | { event: 'snapshot-end'; generation?: string }

export function control(end: number, table: Table, event: Event): ControlBatch {
  const generation = 'generation' in event ? (event.generation ?? 'g1') : 'g1'
  const more = { previous: null, fresh: true, chunk: `${table.schema}.${table.name}/${generation}/end` }
  return { ...place(end), ...more, ...event, kind: 'control', table, generation } as ControlBatch
}

function place(end: number) {
  return { log: '', end: at(end), carry: `c${end}`, audience: null }
}

export async function writeAll(sink: Sink, batches: readonly Batch[]): Promise<void> {
  for (const batch of batches) await sink.write(batch, signal)
}

export async function readAll(sink: Sink, table: Table, keys: readonly Row[] | null = null): Promise<Row[]> {
  const found: Row[] = []
  for await (const piece of sink.scan?.(table, keys, signal) ?? []) found.push(...piece)
  return found
}
