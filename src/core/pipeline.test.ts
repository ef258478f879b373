import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Log } from '../contracts/sink.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { openSqliteState } from '../state/sqlite/state-store.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { createMemoryLog, createMemorySource, type MemoryLog } from '../testing/memory-source.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import { systemClock, type Clock } from './clock.ts'
import { runPipeline, type PipelineOptions } from './pipeline.ts'

const users: Table = {
  schema: 'public',
  name: 'users',
  id: 1,
  version: '1',
  columns: [{ name: 'id', id: 1, type: { kind: 'int32' }, sourceType: 'integer', typeOid: 23, typeModifier: -1, nullable: false }],
  key: [0],
  identity: 'key',
}

let folder: string
let state: StateStore
let log: MemoryLog
let events: PipelineEvent[]
let quit: AbortController
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-pipeline-'))
  state = await openSqliteState(join(folder, 'shop.db'), { pipeline: 'shop' })
  log = createMemoryLog({ tables: [users] })
  events = []
  quit = new AbortController()
})
afterEach(async () => {
  quit.abort()
  await state[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }
/** Retries at once, everything else in real time. */
const hasty: Clock = { now: systemClock.now, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) }

function run(stores: Record<string, MemoryStore>, options: Partial<PipelineOptions> = {}) {
  return runPipeline({
    name: 'shop',
    slotName: 'millrace_shop',
    source: async () => createMemorySource(log),
    sinks: Object.entries(stores).map(([name, store]) => ({
      name,
      keepsRecord: store.keepsRecord,
      open: async () => createMemorySink(store),
    })),
    state,
    mode: 'stream',
    snapshot: { chunkBytes: 1, parallel: 1 },
    batch: { maxBytes: 8_000_000, maxWaitMs: 1000 },
    report: (event) => void events.push(event),
    log: silent,
    signal: quit.signal,
    clock: hasty,
    ...options,
  })
}

const insert = (...ids: number[]) => log.commit(ids.map((id) => ({ op: 'insert', table: users, row: [id] })))
const allLines = () =>
  log.transactions.flatMap(({ changes }) => changes.map((change) => `insert users ${change.tx?.position} ${change.ordinal}`))
const until = (check: () => boolean) => vi.waitFor(() => expect(check()).toBe(true), { timeout: 20_000, interval: 2 })

/** The slot and a checkpoint of every sink are made, so that what follows is streamed. */
async function begin(stores: Record<string, MemoryStore>) {
  await run(stores, { until: 'caught-up' })
}

test('delivers what is committed, in order, and acknowledges it once it is durable', async () => {
  const a = createMemoryStore()
  await begin({ a })
  insert(1, 2)
  insert(3)
  const summary = await run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(allLines())
  expect(summary).toMatchObject({ end: 'caught-up', changes: 3, position: log.head() })
  expect(log.slot?.confirmed).toBe(log.head())
})
