import type { Batch } from '../../src/contracts/batch.ts'
import type { SnapshotReader, Source } from '../../src/contracts/source.ts'
import type { Table } from '../../src/contracts/table.ts'
import { openSnapshots, type Snapshots } from '../../src/core/snapshot.ts'
import type { SnapshotProgress } from '../../src/core/snapshot-context.ts'
import { openPostgres } from '../../src/sources/postgres/source.ts'
import { until, type PostgresServer } from '../servers.ts'
import { createMemoryState } from './memory-state.ts'
import { createModelSink, type ModelSink } from './model-sink.ts'
import type { Mutation } from './mutations.ts'

/**
 * A small database with the real source, merge and driver on it, whose steps a test holds and lets go, to bring about by intent what
 * random runs meet by luck. Tables need the columns `inc` and `v` of the model's sink.
 */
export type Stage = AsyncDisposable & {
  sink: ModelSink
  violations: string[]
  progress: SnapshotProgress[]
  sql(text: string): Promise<Record<string, unknown>[]>
  /** Commits in the log, and stays invisible until released. */
  limbo(text: string): Promise<{ release(): Promise<void> }>
  /** Begins, or goes on from the sink's checkpoint. */
  start(hooks?: Hooks): Promise<Running>
}

export type Hooks = {
  beforePlan?: () => Promise<unknown>
  /** By the number of the read, from 0; resolves before the read begins. */
  beforeRead?: (index: number) => Promise<unknown>
  /** After the rows were read, before anybody gets them. */
  afterRead?: (index: number) => Promise<unknown>
  /** Before each batch of the stream is taken. */
  beforeBatch?: () => Promise<unknown>
}

export type Running = {
  source: Source
  snapshots: Snapshots
  /** The copy is done, and the sink has everything. Then it is stopped. */
  finish(): Promise<void>
  /** The sink has everything committed until now. */
  caughtUp(): Promise<void>
  kill(): Promise<void>
}

const LIMIT_MS = 20_000

export async function openStage(server: PostgresServer, ddl: string, mutation: Mutation = {}, chunkBytes = 8192): Promise<Stage> {
  const database = await server.createDatabase('stage')
  const client = await server.connect(database)
  await client.query(ddl)
  const violations: string[] = []
  const progress: SnapshotProgress[] = []
  const sink = createModelSink('sink', (text) => violations.push(text))
  const state = createMemoryState()
  const sessions: Awaited<ReturnType<PostgresServer['connect']>>[] = []
  let began: string | null = null
  let running: Running | null = null

  const start = async (hooks: Hooks = {}): Promise<Running> => {
    const config = { url: server.url(database), tables: ['public.*'], columns: {}, where: {}, keyless: 'insert-only' as const }
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const real = await openPostgres(config, { pipeline: database, batchBytes: 64_000, keyNeededBy: null, state, log })
    const source = mutation.source ? mutation.source(real) : real
    await source.inspect()
    let named: readonly number[] | null = null
    if (began === null) {
      const made = await source.begin()
      began = made.position
      named = mutation.forgetsRunning ? [] : made.running
    }
    const record = sink.record()
    const from = record?.position ?? began
    const stopped = new AbortController()
    const snapshots = await openSnapshots({
      source: { snapshots: hooked(source.snapshots, hooks), nudge: source.nudge, head: source.head },
      state,
      sinks: [{ name: 'sink', record: record && mutation.forgetsCarry ? { ...record, carry: '' } : record }],
      running: named,
      mode: 'incremental',
      chunkBytes,
      parallel: 2,
      onProgress: (event) => progress.push(event),
      ...(mutation.rules ? { rules: mutation.rules } : {}),
    })
    await snapshots.add(await source.tables())
    const stream = held(source.read(from, stopped.signal), hooks)
    const consuming = (async () => {
      for await (const batch of snapshots.merge(stream, from, stopped.signal)) sink.apply(batch as Batch)
    })()
    let failure: unknown = null
    consuming.catch((error: unknown) => (failure = error))
    const caughtUp = async () => {
      const head = await source.head()
      await until(
        () => {
          if (failure) throw failure as Error
          source.nudge(head, 1000)
          return (sink.applied() ?? '') >= head
        },
        LIMIT_MS,
        'catching up',
      )
    }
    const kill = async () => {
      running = null
      stopped.abort()
      await Promise.allSettled([consuming, snapshots[Symbol.asyncDispose]()])
      await real[Symbol.asyncDispose]()
    }
    const finish = async () => {
      let isDone = false
      snapshots.idle().then(
        () => (isDone = true),
        (error: unknown) => (failure = error),
      )
      await until(
        () => {
          if (failure) throw failure as Error
          return isDone
        },
        LIMIT_MS,
        'the copy',
      )
      await caughtUp()
      await kill()
    }
    running = { source, snapshots, finish, caughtUp, kill }
    return running
  }

  return {
    sink,
    violations,
    progress,
    sql: async (text) => ((await client.query(text)) as { rows: Record<string, unknown>[] }).rows,
    async limbo(text) {
      const session = await server.connect(database)
      sessions.push(session)
      await session.query('SET synchronous_commit = on')
      const { processID: pid } = session as unknown as { processID: number }
      const committed = session.query(text).catch(() => undefined)
      await until(async () => {
        const { rows } = await server.query('SELECT wait_event FROM pg_stat_activity WHERE pid = $1', [pid])
        return (rows[0] as { wait_event?: string } | undefined)?.wait_event === 'SyncRep'
      })
      return {
        async release() {
          await server.query('SELECT pg_cancel_backend($1)', [pid])
          await committed
        },
      }
    },
    start,
    async [Symbol.asyncDispose]() {
      await running?.kill()
      for (const session of [...sessions, client]) await session.end().catch(() => undefined)
      const slot = `millrace_${database}`
      await until(
        async () => (await server.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot])).rowCount === 0,
      )
      await server.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot])
      await server.query(`DROP DATABASE ${database} WITH (FORCE)`)
    },
  }
}

function hooked(reader: SnapshotReader, hooks: Hooks): SnapshotReader {
  let reads = 0
  return {
    ...reader,
    async plan(table: Table, options) {
      const planned = await reader.plan(table, options)
      await hooks.beforePlan?.()
      return planned
    },
    async read(chunk, onVisibility, signal) {
      const index = reads++
      await hooks.beforeRead?.(index)
      const read = await reader.read(chunk, onVisibility, signal)
      await hooks.afterRead?.(index)
      return read
    },
  }
}

async function* held<T>(stream: AsyncIterable<T>, hooks: Hooks): AsyncGenerator<T> {
  for await (const batch of stream) {
    await hooks.beforeBatch?.()
    yield batch
  }
}

/** A door that a test opens once. */
export function createDoor(): { passed: Promise<void>; open(): void } {
  let open = () => {}
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { passed, open }
}
