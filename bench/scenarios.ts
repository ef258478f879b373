/** One function a scenario: it prepares, measures the limits and Millrace on the same content, and returns ratios. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import type { PostgresServer } from '../test/servers.ts'
import { figure, median, type Figure } from './figures.ts'
import { incremental } from './incremental.ts'
import { kafkaBesideDebezium } from './kafka-debezium.ts'
import { kafkaLatency, kafkaStream } from './kafka.ts'
import { copyOut } from './limits.ts'
import { run, scratch, start, startCli, takeSnapshot, type Usage } from './millrace.ts'
import { race } from './race.ts'
import { copySlot, insertAtOnce, insertRows, markEnd, TABLE, updateRows, wideTable } from './workload.ts'

export type Scenario = { name: string; about: string; measure(server: PostgresServer, size: number): Promise<Figure[]> }

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'stream-file',
    about: '1 M inserts, 10 a transaction, to NDJSON files',
    measure: (server, size) => stream(server, { rows: 1e6 * size, perTransaction: 10, sink: 'file' }),
  },
  {
    name: 'stream-debezium',
    about: '1 M inserts, 10 a transaction, to files in Debezium’s form without schemas',
    measure: (server, size) => stream(server, { rows: 1e6 * size, perTransaction: 10, sink: 'debezium' }),
  },
  {
    name: 'small-transactions',
    about: '100 000 one-row transactions to NDJSON files',
    measure: (server, size) => stream(server, { rows: 1e5 * size, perTransaction: 1, sink: 'file' }),
  },
  {
    name: 'stream-discard',
    about: '1 M inserts, 10 a transaction, decoded and discarded',
    measure: (server, size) => stream(server, { rows: 1e6 * size, perTransaction: 10, sink: 'discard' }),
  },
  {
    name: 'duckdb-inserts',
    about: '1 M inserts, 10 a transaction, into DuckDB',
    measure: (server, size) => stream(server, { rows: 1e6 * size, perTransaction: 10, sink: 'duckdb' }),
  },
  { name: 'duckdb-updates', about: '1 M updates of existing rows, 10 a transaction, into DuckDB', measure: updates },
  { name: 'snapshot', about: '5 M rows of 13 columns, decoded to columns and discarded', measure: snapshot },
  {
    name: 'archive',
    about: '`millrace snapshot` of 2 M rows of 13 columns to Parquet',
    measure: (server, size) => archive(server, 2e6 * size, 'wide'),
  },
  {
    name: 'archive-narrow',
    about: '`millrace snapshot` of 1 M rows of 8 columns to Parquet',
    measure: (server, size) => archive(server, 1e6 * size, 'bench'),
  },
  {
    name: 'incremental',
    about: '2 M rows of 13 columns into Parquet beside a writer: chunks in the stream, and one snapshot',
    measure: incremental,
  },
  { name: 'one-transaction', about: 'one transaction of 1 GB to NDJSON files: memory', measure: oneTransaction },
  { name: 'kafka', about: '1 M inserts, 10 a transaction, into Kafka exactly once', measure: kafkaStream },
  { name: 'kafka-debezium', about: 'the same into the same Kafka by Debezium’s engine', measure: kafkaBesideDebezium },
  {
    name: 'kafka-latency',
    about: 'commit to consumer of Kafka, 1000 changes/s, exactly once',
    measure: (server, size) => kafkaLatency(server, { size, delivery: 'exactly-once', median: 40, p99: 150 }),
  },
  {
    name: 'kafka-latency-at-least-once',
    about: 'commit to consumer of Kafka, 1000 changes/s, at least once',
    measure: (server, size) => kafkaLatency(server, { size, delivery: 'at-least-once', median: 10, p99: 50 }),
  },
  { name: 'latency', about: 'commit to line on standard output, 200 changes/s', measure: latency },
  { name: 'tail', about: 'commit to line of `millrace tail`, 200 changes/s', measure: tail },
]

const TARGETS = {
  file: { recvlogical: 1.3, drain: 0.75, cpu: 2.5, memory: 200 },
  debezium: { cpu: 2.5, memory: 200 },
  small: { recvlogical: 0.8, memory: 200 },
  discard: {},
  duckdb: { recvlogical: 1.0, cpu: 5, memory: 500 },
} as const

async function stream(
  server: PostgresServer,
  what: { rows: number; perTransaction: number; sink: 'file' | 'debezium' | 'duckdb' | 'discard' },
): Promise<Figure[]> {
  const client = await server.connect()
  await client.query(TABLE)
  await client.query('CREATE PUBLICATION bench FOR TABLE bench')
  await client.query("SELECT pg_create_logical_replication_slot('master', 'pgoutput')")
  await insertRows(client, what.rows, what.perTransaction)
  const end = await markEnd(client)
  await client.end()
  const targets = what.perTransaction === 1 ? TARGETS.small : TARGETS[what.sink]
  return race(server, { rows: what.rows, end, targets, runs: 3 }, async (slot) => {
    using folder = scratch()
    return await run(folder.path, configuration(server, { sink: what.sink, slot, tables: ['public.bench'] }), [
      '--mode',
      'stream',
      '--until',
      end,
    ])
  })
}

async function updates(server: PostgresServer, size: number): Promise<Figure[]> {
  const rows = 1e6 * size
  using folder = scratch()
  const client = await server.connect()
  await client.query(TABLE)
  await insertAtOnce(client, rows)
  await client.query('CREATE PUBLICATION bench FOR TABLE bench')
  const settings = configuration(server, { sink: 'duckdb', slot: 'millrace_bench', tables: ['public.bench'] })
  await run(folder.path, settings, ['--until', 'caught-up'])
  await copySlot(server, 'millrace_bench', 'master')
  await updateRows(client, rows, 10)
  const end = await markEnd(client)
  await client.end()
  // The file can be updated only once: one run of each.
  return await race(server, { rows, end, targets: TARGETS.duckdb, runs: 1 }, () =>
    run(folder.path, settings, ['--mode', 'stream', '--until', end]),
  )
}

async function snapshot(server: PostgresServer, size: number): Promise<Figure[]> {
  const rows = 5e6 * size
  const client = await server.connect()
  await wideTable(client, rows)
  await client.end()
  const copies: number[] = []
  const usages: Usage[] = []
  for (let round = 0; round < 3; round++) {
    using folder = scratch()
    copies.push((await copyOut(server, 'wide')).seconds)
    const settings = configuration(server, {
      sink: 'discard',
      slot: `snapshot_${round}`,
      publication: `snapshot_${round}`,
      tables: ['public.wide'],
    })
    usages.push(await run(folder.path, settings, ['--until', 'caught-up']))
    await server.query('SELECT pg_drop_replication_slot($1)', [`snapshot_${round}`])
  }
  const seconds = median(usages.map((usage) => usage.seconds))
  return [
    figure('rate', rows / seconds / 1000, 'k rows/s'),
    figure('of psql \\copy … binary', median(copies) / seconds, '×', { least: 0.7 }),
    figure('CPU', (median(usages.map((usage) => usage.cpuSeconds)) * 1e6) / rows, 's per million', { most: 1.2 }),
    figure('memory', Math.max(...usages.map((usage) => usage.maxRssMb)), 'MB at most', { most: 200 }),
  ]
}

async function archive(server: PostgresServer, rows: number, table: 'wide' | 'bench'): Promise<Figure[]> {
  const client = await server.connect()
  if (table === 'wide') await wideTable(client, rows)
  else {
    await client.query(TABLE)
    await insertAtOnce(client, rows)
    await client.query('VACUUM ANALYZE bench')
  }
  await client.end()
  const copies: number[] = []
  const usages: Usage[] = []
  let written = 0
  for (let round = 0; round < 3; round++) {
    using folder = scratch()
    copies.push((await copyOut(server, table)).seconds)
    const source = { type: 'postgres', url: server.url(), tables: [`public.${table}`] }
    usages.push(await takeSnapshot(folder.path, { name: 'bench', source, sinks: [{ type: 'parquet', path: './lake' }] }))
    written = folderBytes(join(folder.path, 'lake'))
  }
  const seconds = median(usages.map((usage) => usage.seconds))
  return [
    figure('rate', rows / seconds / 1000, 'k rows/s'),
    figure('of psql \\copy … binary', median(copies) / seconds, '×', { least: table === 'wide' ? 0.45 : 0.35 }),
    figure('CPU', (median(usages.map((usage) => usage.cpuSeconds)) * 1e6) / rows, 's per million', table === 'wide' ? {} : { most: 2.5 }),
    figure('memory', Math.max(...usages.map((usage) => usage.maxRssMb)), 'MB at most', { most: 350 }),
    figure('written', written / 1e6, 'MB'),
  ]
}

async function oneTransaction(server: PostgresServer, size: number): Promise<Figure[]> {
  using folder = scratch()
  const client = await server.connect()
  await client.query(TABLE)
  await client.query('CREATE PUBLICATION bench FOR TABLE bench')
  await client.query("SELECT pg_create_logical_replication_slot('millrace_bench', 'pgoutput')")
  await insertAtOnce(client, 7e6 * size)
  const end = await markEnd(client)
  await client.end()
  const settings = configuration(server, { sink: 'file', slot: 'millrace_bench', tables: ['public.bench'] })
  const usage = await run(folder.path, settings, ['--mode', 'stream', '--until', end])
  return [
    figure('written', folderBytes(join(folder.path, 'out')) / 1e9, 'GB'),
    figure('memory', usage.maxRssMb, 'MB at most', { most: 200 }),
    figure('time', usage.seconds, 's'),
  ]
}

async function latency(server: PostgresServer, size: number): Promise<Figure[]> {
  using folder = scratch()
  const client = await server.connect()
  await client.query(TABLE)
  const { child } = start(
    folder.path,
    configuration(server, { sink: 'stdout', slot: 'latency', publication: 'latency', tables: ['public.bench'] }),
    [],
  )
  const figures = await commitToLine(client, child, { size, median: 2, p99: 10 })
  await client.end()
  return figures
}

async function tail(server: PostgresServer, size: number): Promise<Figure[]> {
  using folder = scratch()
  const client = await server.connect()
  await client.query(TABLE)
  const child = startCli(['tail', server.url(), 'public.bench', '--quiet'], join(folder.path, 'usage.json'))
  const figures = await commitToLine(client, child, { size, median: 10, p99: 100 })
  await client.end()
  return figures
}

/** How long after its commit each change is on the child's standard output. */
async function commitToLine(client: pg.Client, child: ChildProcess, at: { size: number; median: number; p99: number }): Promise<Figure[]> {
  const sent = new Map<number, number>()
  const delays: number[] = []
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const now = performance.now()
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const begun = sent.get(Number(/"key":\{"id":(\d+)\}/.exec(line)?.[1]))
      if (begun !== undefined) delays.push(now - begun)
    }
  })
  const count = Math.max(400, 2000 * at.size)
  for (let id = 1; id <= count + 200; id++) {
    await client.query('INSERT INTO bench (id, a, name) VALUES ($1, 1, $2)', [id, 'x'])
    // The commit has returned: from here on the change could be seen. The first ones warm up.
    if (id > 200) sent.set(id, performance.now())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  delays.sort((one, other) => one - other)
  return [
    figure('seen', (100 * delays.length) / count, '% of the changes'),
    figure('median', delays[Math.floor(delays.length / 2)] ?? Infinity, 'ms', { most: at.median }),
    figure('p99', delays[Math.floor(delays.length * 0.99)] ?? Infinity, 'ms', { most: at.p99 }),
  ]
}

function configuration(server: PostgresServer, what: { sink: string; slot: string; tables: string[]; publication?: string }): object {
  const sinks = {
    file: { type: 'file', path: './out' },
    debezium: { type: 'file', path: './out', format: { type: 'debezium', 'schemas.enable': false } },
    duckdb: { type: 'duckdb', path: './out.duckdb' },
    stdout: { type: 'stdout' },
    discard: { type: 'discard', decode: 'columns' },
  }
  return {
    name: 'bench',
    source: { type: 'postgres', url: server.url(), tables: what.tables, slot: what.slot, publication: what.publication ?? 'bench' },
    sinks: [sinks[what.sink as keyof typeof sinks]],
    state: './state.db',
  }
}

function folderBytes(path: string): number {
  if (!existsSync(path)) return 0
  return readdirSync(path, { withFileTypes: true, recursive: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  )
}
