/** A copy in chunks, merged with the stream, against one exported snapshot, beside the same writer. */
import type { PostgresServer } from '../test/servers.ts'
import { figure, median, type Figure } from './figures.ts'
import { run, scratch, takeSnapshot, type Usage } from './millrace.ts'
import { wideTable } from './workload.ts'

const ROUNDS = 3

export async function incremental(server: PostgresServer, size: number): Promise<Figure[]> {
  const rows = 2e6 * size
  const client = await server.connect()
  await wideTable(client, rows)
  await client.end()
  const writer = await write(server, rows)
  const usages = { chunks: [] as Usage[], whole: [] as Usage[] }
  for (let round = 0; round < ROUNDS; round++) {
    using folder = scratch()
    const named = `incremental_${round}`
    const source = { type: 'postgres', url: server.url(), tables: ['public.wide'] }
    const settings = { name: named, source, sinks: [{ type: 'parquet', path: './lake' }], state: './state.db' }
    usages.whole.push(await takeSnapshot(folder.path, settings))
    usages.chunks.push(await run(folder.path, settings, ['--mode', 'snapshot']))
    await server.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active AND slot_name = $1', [
      `millrace_${named}`,
    ])
  }
  const written = await writer.stop()
  const [chunks, whole] = [usages.chunks, usages.whole].map((each) => median(each.map(({ seconds }) => seconds))) as [number, number]
  return [
    figure('writes beside', written.perSecond, 'updates/s'),
    figure('one snapshot', rows / whole / 1000, 'k rows/s'),
    figure('chunks in the stream', rows / chunks / 1000, 'k rows/s'),
    figure('of one snapshot', whole / chunks, '×', { least: 1 / 1.15 }),
    figure('memory, chunks', Math.max(...usages.chunks.map(({ maxRssMb }) => maxRssMb)), 'MB at most'),
    figure('memory, snapshot', Math.max(...usages.whole.map(({ maxRssMb }) => maxRssMb)), 'MB at most'),
  ]
}

/** Updates single rows all along, some hundred a second. */
async function write(server: PostgresServer, rows: number): Promise<{ stop(): Promise<{ perSecond: number }> }> {
  const client = await server.connect()
  const begun = performance.now()
  let count = 0
  let isOver = false
  const writing = (async () => {
    while (!isOver) {
      await client.query('UPDATE wide SET a = a + 1, note = $2 WHERE id = $1', [1 + Math.floor(Math.random() * rows), 'touched'])
      count++
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  return {
    async stop() {
      isOver = true
      await writing
      await client.end()
      return { perSecond: count / ((performance.now() - begun) / 1000) }
    },
  }
}
