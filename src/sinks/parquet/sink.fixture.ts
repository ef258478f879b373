import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFooter, readRows } from '../../codecs/parquet/read-file.ts'
import type { Batch } from '../../contracts/batch.ts'
import type { Sink, SinkRecord, SinkState } from '../../contracts/sink.ts'
import type { Value } from '../../contracts/table.ts'
import { createMemorySinkState } from '../../testing/memory-sink-state.ts'
import { createLocalStore } from './local-store.ts'
import { createParquetSink, type ParquetOptions } from './sink.ts'
import type { Store } from './store.ts'

const signal = new AbortController().signal

/** A folder, what the state store knows of its sink, and sinks opened there. */
export type Lake = {
  root: string
  store: Store
  state: SinkState
  durable: string[]
  failures: unknown[]
  /** What was said in warnings. */
  warnings: Record<string, unknown>[]
  open(options?: Partial<ParquetOptions>): Promise<{ sink: Sink; record: SinkRecord | null }>
  files(folder: string): Promise<readonly string[]>
  /** The rows of a file by column. */
  rows(path: string): Promise<Record<string, Value>[]>
  metadata(path: string): Promise<Readonly<Record<string, string>>>
}

export function createLake(): Lake {
  const root = mkdtempSync(join(tmpdir(), 'millrace-lake-'))
  const lake: Lake = {
    root,
    store: createLocalStore({ sink: 'lake', root, owner: 'shop.lake' }),
    state: createMemorySinkState(),
    durable: [],
    failures: [],
    warnings: [],
    async open(options = {}) {
      const sink = createParquetSink({
        pipeline: 'shop',
        name: 'lake',
        state: lake.state,
        durable: (position) => void lake.durable.push(position),
        failed: (error) => void lake.failures.push(error),
        log: { debug() {}, info() {}, warn: (event, fields) => void lake.warnings.push({ event, ...fields }), error() {} },
        store: createLocalStore({ sink: 'lake', root, owner: 'shop.lake' }),
        owner: 'shop.lake',
        writer: { compression: 'zstd' },
        threads: 1,
        misfit: 'fail',
        rollSize: 1e9,
        rollAfterMs: 1e9,
        ...options,
      })
      return { sink, record: await sink.resume() }
    },
    files: (folder) => lake.store.list(folder),
    async rows(path) {
      await using file = await lake.store.open(path)
      const { columns } = await readFooter(file)
      const rows: Record<string, Value>[] = []
      for await (const some of readRows(file))
        for (const row of some) rows.push(Object.fromEntries(columns.map((name, at) => [name, row[at] as Value])))
      return rows
    },
    async metadata(path) {
      await using file = await lake.store.open(path)
      return (await readFooter(file)).metadata
    },
  }
  return lake
}

export async function writeAll(sink: Sink, batches: readonly Batch[]): Promise<void> {
  for (const batch of batches) await sink.write(batch, signal)
}

export const flush = (sink: Sink) => sink.flush(signal)
export const close = (sink: Sink) => sink[Symbol.asyncDispose]()
