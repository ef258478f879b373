import type { SinkDefinition } from '../../contracts/definition.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { shellQuote } from '../../lib/shell-quote.ts'
import { config, type KafkaConfig } from './config.ts'

export const definition: SinkDefinition<KafkaConfig> = {
  type: 'kafka',
  summary:
    'Messages in Kafka topics, in order for each key: each exactly once by transactions that hold the position too, or at least once.',
  capabilities: {
    delivery: 'exactly-once',
    late: true,
    shape: 'changes',
    needsKey: false,
    truncate: true,
    schemaChanges: true,
    partialUpdates: true,
    columnar: false,
    readable: false,
  },
  delivery: ({ delivery }) => delivery,
  config,
  fromUrl(rest) {
    const match = /^\/\/([^/?#]+)(?:\/([^/?#]*))?$/.exec(rest)
    const brokers = match?.[1]?.split(',').filter((broker) => broker !== '')
    if (!brokers || brokers.length === 0) return null
    return { brokers, ...(match?.[2] && { topic: `${match[2]}.\${schema}.\${table}` }) }
  },
  async check(settings, { name }) {
    const { checkKafka } = await import('./check.ts')
    await checkKafka(settings, name)
  },
  async checkTables(tables, settings, { name }) {
    const { checkTemplates, checkTopics } = await import('./check.ts')
    checkTemplates(tables, settings)
    await checkTopics(tables, settings, name)
  },
  async open(settings, { pipeline, name: sink, format }) {
    if (format === null) throw new MillraceError('BUG', { reason: `the sink ${sink} was opened without a format` })
    const { openKafka } = await import('./client.ts')
    const { createKafkaSink } = await import('./sink.ts')
    const kafka = await openKafka(settings, { sink })
    return createKafkaSink({ kafka, settings, sink, id: settings.transactionalId ?? `millrace-${pipeline}-${sink}`, format })
  },
  place({ brokers, topic, format, delivery }, { table }) {
    const [broker = ''] = brokers
    const where = `kafka://${brokers.join(',')}`
    // What a format calls its topics is known to it alone.
    if (topic === undefined && format !== 'native')
      return { where, query: `kafka-topics.sh --bootstrap-server ${shellQuote(broker)} --list` }
    const name = (topic ?? '${schema}.${table}').replaceAll('${schema}', table.schema).replaceAll('${table}', table.name)
    const isolation = delivery === 'exactly-once' ? ' --isolation-level read_committed' : ''
    const query = `kafka-console-consumer.sh --bootstrap-server ${shellQuote(broker)} --topic ${shellQuote(name)} --from-beginning${isolation}`
    return { where, query }
  },
}
