import type { SinkDefinition } from '../../contracts/definition.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { shellQuote } from '../../lib/shell-quote.ts'
import { config, type KinesisConfig } from './config.ts'

export const definition: SinkDefinition<KinesisConfig> = {
  type: 'kinesis',
  summary:
    'Records of an Amazon Kinesis data stream: at least once, in order by partition key, each with an id that says when it comes again.',
  capabilities: {
    delivery: 'at-least-once',
    shape: 'changes',
    needsKey: false,
    truncate: true,
    schemaChanges: true,
    partialUpdates: true,
    columnar: false,
    readable: false,
  },
  config,
  fromUrl: (rest) => (rest.replace(/^\/\//, '') === '' ? null : { stream: rest.replace(/^\/\//, '') }),
  async check(settings, { name }) {
    const { openKinesis } = await import('./client.ts')
    const kinesis = await openKinesis(settings, name)
    try {
      await kinesis.describe()
    } finally {
      kinesis.close()
    }
  },
  async checkTables(tables, { partitionKey }) {
    if (typeof partitionKey !== 'string') return
    const { createTemplate } = await import('../../messages/template.ts')
    const { check } = createTemplate(partitionKey)
    tables.forEach(check)
  },
  async open(settings, context) {
    const { format, name } = context
    if (format === null) throw new MillraceError('BUG', { reason: `the sink ${name} was opened without a format` })
    return (await import('./open.ts')).openSink(settings, { ...context, format })
  },
  place: ({ stream, region, endpoint }) => ({ where: `the stream ${stream}`, query: readingLine({ stream, region, endpoint }) }),
}

/** AWS' own command line, for some records of the first shard. */
function readingLine({ stream, region, endpoint }: { stream: string; region: string | undefined; endpoint: string | undefined }): string {
  const where = `${region === undefined ? '' : ` --region ${shellQuote(region)}`}${endpoint === undefined ? '' : ` --endpoint-url ${shellQuote(endpoint)}`}`
  const name = `${stream.startsWith('arn:') ? '--stream-arn' : '--stream-name'} ${shellQuote(stream)}`
  const iterator = `aws kinesis get-shard-iterator${where} ${name} --shard-id shardId-000000000000 --shard-iterator-type TRIM_HORIZON --query ShardIterator --output text`
  return `aws kinesis get-records${where} --limit 10 --query 'Records[].[Data]' --output text --shard-iterator "$(${iterator})" | while read -r data; do echo "$data" | base64 -d; echo; done`
}
