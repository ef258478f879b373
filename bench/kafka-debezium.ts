/** Into one Kafka, the same messages of the same log: Debezium's own engine, and Millrace exactly once. */
import type { PostgresServer } from '../test/servers.ts'
import { connectorOn, sendWithDebezium } from '../test/servers/debezium.ts'
import { startKafka, type KafkaServer } from '../test/servers/kafka.ts'
import { figure, median, type Figure } from './figures.ts'
import { run, scratch, type Usage } from './millrace.ts'
import { copySlot, insertRows, markEnd, TABLE } from './workload.ts'

const RUNS = 3
/** Without schemas, which would be most of each message. */
const PLAIN = { 'key.converter.schemas.enable': 'false', 'value.converter.schemas.enable': 'false' }
/** And without what Millrace itself writes into the log. */
const FORMAT = { ...PLAIN, 'message.prefix.exclude.list': '.*' }

export async function kafkaBesideDebezium(server: PostgresServer, size: number): Promise<Figure[]> {
  const rows = 1e6 * size
  const client = await server.connect()
  await client.query(TABLE)
  await client.query('CREATE PUBLICATION bench FOR TABLE bench')
  await client.query("SELECT pg_create_logical_replication_slot('master', 'pgoutput')")
  await insertRows(client, rows, 10)
  const end = await markEnd(client)
  await client.end()
  await using kafka = await startKafka({ small: false })
  const usages = { debezium: [] as Usage[], millrace: [] as Usage[] }
  for (let round = 0; round < RUNS; round++) {
    for (const reader of ['debezium', 'millrace'] as const) {
      const slot = `${reader}_${round}`
      await copySlot(server, 'master', slot)
      usages[reader].push(await (reader === 'debezium' ? debezium({ server, kafka, slot, rows }) : millrace({ server, kafka, slot, end })))
      await server.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [slot])
    }
  }
  const records = await Promise.all(['debezium_0', 'millrace_0'].map(async (slot) => (await kafka.reader().read(topicOf(slot))).length))
  return [...figuresOf(usages, rows), figure('records of both', Math.min(...records) / rows, 'of the changes', { least: 1 })]
}

function figuresOf({ debezium, millrace }: Record<'debezium' | 'millrace', readonly Usage[]>, rows: number): Figure[] {
  const seconds = (usages: readonly Usage[]) => median(usages.map((usage) => usage.seconds))
  const cpu = (usages: readonly Usage[]) => (median(usages.map((usage) => usage.cpuSeconds)) * 1e6) / rows
  const memory = (usages: readonly Usage[]) => Math.max(...usages.map((usage) => usage.maxRssMb))
  return [
    figure('Debezium: rate', rows / seconds(debezium) / 1000, 'k changes/s'),
    figure('Debezium: CPU', cpu(debezium), 's per million'),
    figure('Debezium: memory', memory(debezium), 'MB at most'),
    figure('rate', rows / seconds(millrace) / 1000, 'k changes/s'),
    figure('CPU', cpu(millrace), 's per million'),
    figure('memory', memory(millrace), 'MB at most'),
    figure('rate, of Debezium', seconds(debezium) / seconds(millrace), '×', { least: 2.5 }),
    figure('CPU, of Debezium', cpu(millrace) / cpu(debezium), '×', { most: 0.1 }),
    figure('memory, of Debezium', memory(millrace) / memory(debezium), '×', { most: 0.33 }),
  ]
}

type Reading = { server: PostgresServer; kafka: KafkaServer; slot: string }

/** Started with its machine and ended with it, as Millrace is. */
function debezium({ server, kafka, slot, rows }: Reading & { rows: number }): Promise<Usage> {
  const connector = connectorOn(server, { database: 'postgres', slot, publication: 'bench' })
  const properties = { ...connector, 'topic.prefix': slot, 'snapshot.mode': 'no_data', ...FORMAT }
  return sendWithDebezium({ properties, brokers: kafka.address(), topic: topicOf(slot), count: rows })
}

async function millrace({ server, kafka, slot, end }: Reading & { end: string }): Promise<Usage> {
  using folder = scratch()
  const configuration = {
    name: slot,
    source: { type: 'postgres', url: server.url(), tables: ['public.bench'], slot, publication: 'bench' },
    sinks: [
      {
        type: 'kafka',
        brokers: [kafka.address()],
        createTopics: { partitions: 6 },
        format: { type: 'debezium', 'topic.prefix': slot, ...FORMAT },
      },
    ],
    state: './state.db',
  }
  return await run(folder.path, configuration, ['--mode', 'stream', '--until', end])
}

function topicOf(slot: string): string {
  return `${slot}.public.bench`
}
