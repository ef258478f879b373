import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import type { Log } from '../contracts/sink.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { openSqliteState } from '../state/sqlite/state-store.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { sampleColumn, sampleTable } from '../testing/fixtures.ts'
import { createMemorySink, type MemoryStore } from '../testing/memory-sink.ts'
import { createMemoryLog, createMemorySource, type MemoryLog } from '../testing/memory-source.ts'
import { systemClock, type Clock } from './clock.ts'
import type { PipelineOptions, PipelineSummary } from './pipeline.ts'
import { runPipeline } from './run-pipeline.ts'

export const users = sampleTable('users', [sampleColumn('id', { kind: 'int32' }, { nullable: false })])

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
/** Pauses are short, everything else in real time. */
export const hastyClock: Clock = { now: systemClock.now, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) }

export type World = {
  folder: string
  state: StateStore
  log: MemoryLog
  events: PipelineEvent[]
  /** Asks the runs of this test for a drain; at its end too. */
  quit: AbortController
  run(stores: Record<string, MemoryStore>, options?: Partial<PipelineOptions>): Promise<PipelineSummary>
  /** The slot and where each sink began are made, so that what follows is streamed. */
  begin(stores: Record<string, MemoryStore>): Promise<void>
  /** One transaction. */
  insert(...ids: number[]): string
  /** What a sink holds that holds everything once. */
  allLines(): string[]
}

/** A log, a state and the means to run pipelines on them, new for each test of the file. */
export function useWorld(): World {
  const world = {
    begin: async (stores) => {
      await world.run(stores, { until: 'caught-up' })
      world.events.length = 0
    },
    run: (stores, options = {}) => runPipeline({ ...defaults(world, stores), ...options }),
    insert: (...ids) => world.log.commit(ids.map((id) => ({ op: 'insert', table: users, row: [id] }))),
    allLines: () =>
      world.log.transactions.flatMap(({ changes }) => changes.map((change) => `insert users ${change.tx?.position} ${change.ordinal}`)),
    // What is missing here is made before each test.
  } as World
  beforeEach(async () => {
    world.folder = mkdtempSync(join(tmpdir(), 'millrace-pipeline-'))
    world.state = await openSqliteState(join(world.folder, 'shop.db'), { pipeline: 'shop' })
    world.log = createMemoryLog({ tables: [users] })
    world.events = []
    world.quit = new AbortController()
  })
  afterEach(async () => {
    world.quit.abort()
    await world.state[Symbol.asyncDispose]()
    rmSync(world.folder, { recursive: true, force: true })
  })
  return world
}

function defaults(world: World, stores: Record<string, MemoryStore>): PipelineOptions {
  return {
    name: 'shop',
    slotName: 'millrace_shop',
    source: async () => createMemorySource(world.log),
    sinks: Object.entries(stores).map(([name, store]) => ({
      name,
      keepsRecord: store.keepsRecord,
      open: async () => createMemorySink(store),
    })),
    state: world.state,
    mode: 'stream',
    snapshot: { chunkBytes: 1, parallel: 1 },
    batch: { maxBytes: 8_000_000, maxWaitMs: 1000 },
    report: (event) => void world.events.push(event),
    log: silentLog,
    signal: world.quit.signal,
    clock: hastyClock,
  }
}

export const until = (check: () => boolean) => vi.waitFor(() => expect(check()).toBe(true), { timeout: 20_000, interval: 2 })
