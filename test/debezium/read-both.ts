/** One log read by Debezium and by Millrace, each from a slot of its own. */
import { resolveConfig } from '../../src/config/load-config.ts'
import { openSource } from '../../src/config/open-parts.ts'
import { createTailState } from '../../src/cli/tail-state.ts'
import type { Batch } from '../../src/contracts/batch.ts'
import type { Message } from '../../src/contracts/format.ts'
import type { Sink } from '../../src/contracts/sink.ts'
import { runPipeline } from '../../src/core/run-pipeline.ts'
import { messagesOf } from '../../src/messages/messages-of.ts'
import { connectorOn, readWithDebezium, type DebeziumProperties, type DebeziumRecord } from '../servers/debezium.ts'
import { testedMajors, until, type PostgresMajor, type PostgresServer } from '../servers.ts'

const LAST_TABLE = 'zz_last'
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

/** `changes` are made in transactions of their own, a list of them in one. */
export type Workload = { tables: readonly string[]; changes: readonly (string | readonly string[])[] }

/** Debezium's records for each set of properties, and what our formats are given. */
export type BothRead = { batches: readonly Batch[]; debezium: Record<string, DebeziumRecord[]> }

type Reading = { workload: Workload; sets: Record<string, DebeziumProperties>; signal: AbortSignal }

/** What lies between the oldest and the newest is no other to Debezium. */
export function comparedMajors(): readonly PostgresMajor[] {
  const majors = testedMajors()
  return majors.length === 1 ? majors : majors.filter((major) => major === 14 || major === 18)
}

/** What both read of one log while `workload` was made; Debezium once with each set of properties, each from a slot of its own. */
export async function readChanges(server: PostgresServer, reading: Reading): Promise<BothRead> {
  const { workload, sets, signal } = reading
  await using place = await openPlace(server, workload.tables)
  for (const name of Object.keys(sets)) await place.run(`SELECT pg_create_logical_replication_slot('${slotOf(place, name)}', 'pgoutput')`)
  const change = () => place.run(...workload.changes, `INSERT INTO ${LAST_TABLE} VALUES (1)`)
  const batches = await readWithMillrace({ server, place, mode: 'stream' }, change)
  const isLast = ({ topic }: DebeziumRecord) => topic.endsWith(LAST_TABLE)
  // A table that an ALTER has rewritten is read again beside the log.
  const ofLog = batches.filter(({ kind }) => kind !== 'rows')
  return { batches: ofLog, debezium: await readSets({ server, place, sets, mode: 'no_data', isLast, signal }) }
}

/** The same of the rows that are there when `workload` has been made. */
export async function readRows(server: PostgresServer, reading: Reading): Promise<BothRead> {
  const { workload, sets, signal } = reading
  await using place = await openPlace(server, workload.tables)
  await place.run(...workload.changes, `INSERT INTO ${LAST_TABLE} VALUES (1)`)
  const batches = await readWithMillrace({ server, place, mode: 'both' }, async () => {})
  const isLast = ({ value }: DebeziumRecord) => value?.includes('"snapshot":"last"') === true
  return { batches, debezium: await readSets({ server, place, sets, mode: 'initial', isLast, signal }) }
}

type Place = AsyncDisposable & { database: string; run(...transactions: Workload['changes']): Promise<void> }

/** A database with these tables, all of them published. */
async function openPlace(server: PostgresServer, tables: readonly string[]): Promise<Place> {
  const database = await server.createDatabase('debezium')
  const client = await server.connect(database)
  const run: Place['run'] = async (...transactions) => {
    for (const transaction of transactions)
      for (const statement of typeof transaction === 'string' ? [transaction] : ['BEGIN', ...transaction, 'COMMIT'])
        await client.query(statement)
  }
  await run(...tables, `CREATE TABLE ${LAST_TABLE} (id int PRIMARY KEY)`)
  await run('CREATE PUBLICATION beside FOR ALL TABLES WITH (publish_via_partition_root = true)')
  return { database, run, [Symbol.asyncDispose]: () => client.end() }
}

/** Slots are the server's, not the database's. */
function slotOf({ database }: Place, set: string): string {
  return `${database}_${set}`
}

async function readSets(of: {
  server: PostgresServer
  place: Place
  sets: Record<string, DebeziumProperties>
  mode: string
  isLast(record: DebeziumRecord): boolean
  signal: AbortSignal
}): Promise<Record<string, DebeziumRecord[]>> {
  const { server, place, sets, mode, isLast, signal } = of
  const { database } = place
  const engines: Record<string, DebeziumProperties> = {}
  for (const [name, set] of Object.entries(sets)) {
    const connector = connectorOn(server, { database, slot: slotOf(place, name), publication: 'beside' })
    engines[name] = { ...connector, ...TESTED, 'snapshot.mode': mode, ...set }
  }
  return Object.keys(sets).length === 0 ? {} : readWithDebezium({ engines, isLast, signal })
}

/** The messages that a format of ours, configured by Debezium's own properties, makes of what was read. */
export async function messagesWith(format: { type: string } & Record<string, unknown>, batches: readonly Batch[]): Promise<Message[]> {
  const config = await resolveConfig(
    { name: 'srv', source: { type: 'postgres', url: 'postgres://localhost/none' }, sinks: [{ type: 'stdout', format }] },
    { baseDir: process.cwd() },
  )
  const made = config.sinks[0]?.format
  if (!made) throw new Error('stdout has a format')
  const messages = batches.flatMap((batch) => [...messagesOf(made, batch)].map(({ message }) => message))
  // Debezium is left with the record of the last table.
  const last = messages.findLastIndex(({ topic }) => topic?.endsWith(LAST_TABLE))
  return messages.slice(0, last + 1)
}

/** Its batches, from before `change` up to the last table's row. */
async function readWithMillrace(
  from: { server: PostgresServer; place: Place; mode: 'stream' | 'both' },
  change: () => Promise<void>,
): Promise<Batch[]> {
  const { database } = from.place
  const config = await resolveConfig(
    { name: database, source: { type: 'postgres', url: from.server.url(database), publication: 'beside' }, sinks: [{ type: 'discard' }] },
    { baseDir: process.cwd() },
  )
  const batches: Batch[] = []
  const drain = new AbortController()
  const state = createTailState()
  let isReading = false
  const run = runPipeline({
    name: config.name,
    slotName: `millrace_${database}`,
    mode: from.mode,
    until: from.mode === 'both' ? 'caught-up' : null,
    source: () => openSource(config, state, SILENT),
    sinks: [{ name: 'collected', keepsRecord: false, open: async () => collectInto(batches) }],
    state,
    snapshot: { chunkBytes: config.snapshot.chunkBytes, parallel: 1 },
    batch: config.batch,
    report: ({ event }) => void (isReading ||= event === 'started'),
    log: SILENT,
    signal: drain.signal,
  }).finally(() => drain.abort())
  run.catch(() => {})
  await until(() => isReading || drain.signal.aborted, 30_000, 'the start')
  await change()
  if (from.mode === 'stream') await until(() => batches.some(isLastBatch) || drain.signal.aborted, 60_000, 'the last change')
  if (from.mode === 'stream') drain.abort()
  await run
  return batches
}

function isLastBatch(batch: Batch): boolean {
  return batch.kind === 'changes' && batch.changes.some(({ table }) => table?.name === LAST_TABLE)
}

function collectInto(batches: Batch[]): Sink {
  return {
    resume: async () => null,
    async write(batch) {
      batches.push(batch)
      return 'durable'
    },
    async flush() {},
    async [Symbol.asyncDispose]() {},
  }
}

const TESTED: DebeziumProperties = {
  'topic.prefix': 'srv',
  'errors.max.retries': '0',
  // What it cannot make a record of is left out, where it would end otherwise: then the comparison names it.
  'event.processing.failure.handling.mode': 'warn',
}
