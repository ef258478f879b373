/** Into a real Kafka on this machine, read by Java's own consumer. */
import { once } from 'node:events'
import type { PostgresServer } from '../test/servers.ts'
import { startKafka, type KafkaServer } from '../test/servers/kafka.ts'
import { figure, type Figure } from './figures.ts'
import { run, scratch, start } from './millrace.ts'
import { race } from './race.ts'
import { insertRows, markEnd, TABLE } from './workload.ts'

export async function kafkaStream(server: PostgresServer, size: number): Promise<Figure[]> {
  const rows = 1e6 * size
  const client = await server.connect()
  await client.query(TABLE)
  await client.query('CREATE PUBLICATION bench FOR TABLE bench')
  await client.query("SELECT pg_create_logical_replication_slot('master', 'pgoutput')")
  await insertRows(client, rows, 10)
  const end = await markEnd(client)
  await client.end()
  await using kafka = await startKafka({ small: false })
  const targets = { recvlogical: 0.5 }
  const figures = await race(server, { rows, end, targets, runs: 3 }, async (slot) => {
    using folder = scratch()
    return await run(folder.path, configuration(server, kafka, { name: slot }), ['--mode', 'stream', '--until', end])
  })
  const committed = await kafka.reader().count('millrace_0.public.bench')
  return [...figures, figure('committed', committed / rows, 'of the changes', { least: 1 })]
}

type Latency = { size: number; delivery: 'exactly-once' | 'at-least-once'; median: number; p99: number }

/** One change a millisecond, in transactions of their own; from the commit's own time to the consumer's, on one clock. */
export async function kafkaLatency(server: PostgresServer, at: Latency): Promise<Figure[]> {
  using folder = scratch()
  const client = await server.connect()
  await client.query(TABLE)
  await using kafka = await startKafka({ small: false })
  const settings = configuration(server, kafka, { name: 'latency', delivery: at.delivery })
  const { child } = start(folder.path, settings, [])
  const topic = 'latency.public.bench'
  await client.query("INSERT INTO bench (id, a, name) VALUES (0, 1, 'first')")
  while ((await kafka.reader().read(topic)).length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  const delays = new Map<number, number>()
  await kafka.reader().follow(topic, ({ value, seenAtUs }) => {
    const { key, commitTime } = JSON.parse(String(value)) as { key: { id: number }; commitTime: string | null }
    if (commitTime !== null) delays.set(key.id, (seenAtUs - microseconds(commitTime)) / 1000)
  })
  const count = Math.max(2000, 20_000 * at.size)
  const warming = 2000
  const begun = performance.now()
  for (let id = 1; id <= count + warming; id++) {
    await client.query('INSERT INTO bench (id, a, name) VALUES ($1, 1, $2)', [id, 'x'])
    const early = begun + id - performance.now()
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early))
  }
  const seconds = (performance.now() - begun) / 1000
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  await client.end()
  const measured = [...delays].filter(([id]) => id > warming).map(([, delay]) => delay)
  measured.sort((one, other) => one - other)
  return [
    figure('rate', (count + warming) / seconds, 'changes/s'),
    figure('seen', (100 * measured.length) / count, '% of the changes'),
    figure('median', measured[Math.floor(measured.length / 2)] ?? Infinity, 'ms', { most: at.median }),
    figure('p99', measured[Math.floor(measured.length * 0.99)] ?? Infinity, 'ms', { most: at.p99 }),
  ]
}

/** `2026-11-20T08:00:00.123456Z`: JavaScript's own time has milliseconds only. */
function microseconds(text: string): number {
  const fraction = /\.(\d+)Z$/.exec(text)?.[1] ?? ''
  return Date.parse(text.replace(/\.\d+Z$/, 'Z')) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6))
}

function configuration(server: PostgresServer, kafka: KafkaServer, what: { name: string; delivery?: string }): object {
  const { name, delivery = 'exactly-once' } = what
  const isRace = name !== 'latency'
  return {
    name,
    source: { type: 'postgres', url: server.url(), tables: ['public.bench'], slot: name, publication: isRace ? 'bench' : 'latency' },
    sinks: [
      { type: 'kafka', brokers: [kafka.address()], topic: `${name}.\${schema}.\${table}`, createTopics: { partitions: 6 }, delivery },
    ],
    state: './state.db',
  }
}
