import type { Batch } from '../../src/contracts/batch.ts'
import type { Position } from '../../src/contracts/position.ts'
import type { SnapshotReader, Source } from '../../src/contracts/source.ts'
import { createLaneFilter } from '../../src/core/lane-filter.ts'
import { openSnapshots } from '../../src/core/snapshot.ts'
import { openPostgres } from '../../src/sources/postgres/source.ts'
import { until, type PostgresServer } from '../servers.ts'
import { createMemoryState } from './memory-state.ts'
import { createModelSink, type ModelSink } from './model-sink.ts'
import type { Mutation } from './mutations.ts'
import { createRandom, rest, type Random } from './random.ts'
import { createTables, startWorkload } from './workload.ts'

export type ModelResult = {
  violations: readonly string[]
  lives: number
  transactions: number
  emitted: number
  filled: number
  ms: number
}

const TABLES = ['t1', 't2', 't3', 't4']
const COPY_LIMIT_MS = 60_000
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * One random run: a database under load is copied and followed by the real source, the real merge and two sinks that watch every step, while
 * chunks come late, the consumer lags and is killed. At the end both sinks hold what the source holds.
 */
export async function runModel(server: PostgresServer, seed: number, mutation: Mutation = {}): Promise<ModelResult> {
  const startedMs = Date.now()
  const random = createRandom(seed * 7919)
  const violations: string[] = []
  const violation = (text: string) => void (violations.length < 20 && violations.push(text))
  const database = await server.createDatabase(`model_${seed}`)
  const client = await server.connect(database)
  const rows = 600
  await createTables(client, rows)
  const options = { seed, rows, limbo: seed % 5 !== 4, truncates: seed % 4 === 0, rewrites: seed % 3 === 0, alters: seed % 6 === 0 }
  const workload = startWorkload(server, database, options)
  const model: Model = {
    url: server.url(database),
    seed,
    random,
    mutation,
    state: createMemoryState(),
    sinks: ['one', 'two'].map((name) => ({ name, sink: createModelSink(name, violation) })),
    began: null,
    isLagging: seed % 2 === 0,
  }
  let lives = 0
  try {
    const kills = random.below(4)
    for (; lives < kills; lives++) {
      await live(model, { killAfterMs: 50 + random.below(900), stop: null })
      for (const { sink } of model.sinks) sink.crash()
      if (violations.length > 0) break
    }
    await live(model, { killAfterMs: null, stop: () => workload.stop() })
    lives++
  } catch (error) {
    violation(`failed: ${(error as Error).stack}`)
  }
  await workload.stop()
  for (const { name, sink } of model.sinks) await compare(client, sink, (text) => violation(`${name}: ${text}`))
  await client.end()
  await dropAll(server, database, seed)
  const sinks = model.sinks.map(({ sink }) => sink.counts)
  const [emitted, filled] = [sinks.reduce((sum, each) => sum + each.emitted, 0), sinks.reduce((sum, each) => sum + each.filled, 0)]
  return { violations, lives, transactions: workload.transactions, emitted, filled, ms: Date.now() - startedMs }
}

type Model = {
  url: string
  seed: number
  random: Random
  mutation: Mutation
  state: ReturnType<typeof createMemoryState>
  sinks: { name: string; sink: ModelSink }[]
  began: Position | null
  isLagging: boolean
}

/** One life of the process, to its kill, or until the copy is done, the writers have stopped and everything is delivered. */
async function live(model: Model, end: { killAfterMs: number | null; stop: (() => Promise<void>) | null }): Promise<void> {
  const { random, mutation, state, sinks } = model
  const config = { url: model.url, tables: ['public.*'], columns: {}, where: {}, keyless: 'insert-only' as const }
  const context = { pipeline: `model_${model.seed}`, batchBytes: 32_000, keyNeededBy: null, state, log: quiet }
  const real = await openPostgres(config, context)
  const source = mutation.source ? mutation.source(real) : real
  const killed = new AbortController()
  try {
    await source.inspect()
    const records = sinks.map(({ name, sink }) => ({ name, record: carrying(sink.record(), mutation) }))
    let running: readonly number[] | null = null
    if (model.began === null) {
      const made = await source.begin()
      model.began = made.position
      running = mutation.forgetsRunning ? [] : made.running
    }
    const began = model.began
    const from = records.map(({ record }) => record?.position ?? began).sort()[0] ?? began
    await using snapshots = await openSnapshots({
      source: { ...source, snapshots: slowReader(source.snapshots, random), nudge: source.nudge, head: source.head },
      state,
      sinks: records,
      running,
      mode: 'incremental',
      chunkBytes: 32_000,
      parallel: 4,
      ...(mutation.rules ? { rules: mutation.rules } : {}),
    })
    await snapshots.add(await source.tables())
    const consuming = consume(model, snapshots.merge(source.read(from, killed.signal), from, killed.signal), records)
    consuming.catch(() => killed.abort())
    if (end.killAfterMs !== null) await Promise.race([rest(end.killAfterMs), consuming])
    else {
      await withLimit(Promise.race([snapshots.idle(), consuming]), 'the copy')
      await end.stop?.()
      await caughtUp(model, source, await source.head(), killed.signal)
    }
    killed.abort()
    await consuming
  } finally {
    killed.abort()
    await real[Symbol.asyncDispose]()
  }
}

function carrying<T extends { carry: string } | null>(record: T, mutation: Mutation): T {
  return record && mutation.forgetsCarry ? { ...record, carry: '' } : record
}

async function consume(
  model: Model,
  batches: AsyncIterable<Batch>,
  records: { name: string; record: Parameters<typeof createLaneFilter>[1] }[],
) {
  const { random, sinks, isLagging } = model
  const lanes = records.map(({ name, record }) => ({
    filter: createLaneFilter(name, record),
    sink: sinks.find((each) => each.name === name)?.sink,
  }))
  for await (const batch of batches) {
    for (const { filter, sink } of lanes) {
      for (const part of filter(batch)) sink?.apply(part)
      // Not between the pieces of a keyless copy, which a checkpoint would claim half-way.
      if (random.chance(0.2) && (batch.kind !== 'rows' || batch.last)) sink?.checkpoint()
    }
    if (random.chance(isLagging ? 0.3 : 0.05)) await rest(random.below(isLagging ? 40 : 20))
  }
}

async function caughtUp(model: Model, source: Source, head: Position, signal: AbortSignal): Promise<void> {
  const startedMs = Date.now()
  const behind = () => model.sinks.some(({ sink }) => (sink.applied() ?? '') < head)
  await until(
    () => {
      source.nudge(head, Date.now() - startedMs)
      return !behind() || signal.aborted
    },
    COPY_LIMIT_MS,
    'catching up',
  )
}

/** Answers and rows come late, at random. */
function slowReader(reader: SnapshotReader, random: Random): SnapshotReader {
  return {
    ...reader,
    async read(chunk, onVisibility, signal) {
      if (random.chance(0.2)) await rest(random.below(40))
      const late: Promise<void>[] = []
      const read = await reader.read(
        chunk,
        (visibility) => {
          if (!random.chance(0.2)) return onVisibility(visibility)
          late.push(rest(random.below(30)).then(() => onVisibility(visibility)))
        },
        signal,
      )
      await Promise.all(late)
      if (random.chance(0.3)) await rest(random.below(80))
      return read
    },
  }
}

async function withLimit<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${COPY_LIMIT_MS} ms`)), COPY_LIMIT_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

type Client = Awaited<ReturnType<PostgresServer['connect']>>

async function compare(client: Client, sink: ModelSink, violation: (text: string) => void): Promise<void> {
  for (const table of TABLES) {
    const found = await client.query({ text: `SELECT ${table}::text FROM ${table}`, rowMode: 'array' })
    const expected = await client.query({ text: `SELECT * FROM ${table}`, rowMode: 'array' })
    const texts = new Set(expected.rows.map((row: unknown[]) => row.map(String).join('|')))
    const held = [...sink.rows(table).values()].map((row) => row.map(String).join('|'))
    const missing = [...texts].filter((text) => !new Set(held).has(text)).length
    const extra = held.filter((text) => !texts.has(text)).length
    if (missing || extra || held.length !== found.rows.length)
      violation(`at the end ${table} has ${missing} rows missing, ${extra} too many, of ${texts.size}`)
  }
  const expected = await client.query('SELECT inc::text FROM log ORDER BY inc')
  const lines = sink
    .lines('log')
    .map((row) => String(row[0]))
    .sort((a, b) => Number(a) - Number(b))
  if (lines.join() !== expected.rows.map((row: { inc: string }) => row.inc).join())
    violation(`at the end log has ${lines.length} lines of ${expected.rows.length}`)
}

async function dropAll(server: PostgresServer, database: string, seed: number): Promise<void> {
  const slot = `millrace_model_${seed}`
  await until(async () => (await server.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot])).rowCount === 0)
  await server.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot])
  await server.query(`DROP DATABASE ${database} WITH (FORCE)`)
}
