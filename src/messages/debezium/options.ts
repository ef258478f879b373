import { z } from 'zod'
import { flag, maybeFlag, patterns, text, whole, words } from './property-schemas.ts'
import { keyColumnsSchema } from './key-columns.ts'

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter'
const ADJUSTMENT = ['none', 'avro', 'avro_unicode'] as const

const topicSchema = z.string().regex(/^[A-Za-z0-9._-]+$/, { error: 'may hold letters, digits, dots, hyphens and underscores' })

function topicPart(value: string, description: string) {
  return topicSchema.prefault(value).describe(description)
}

/** How values look. The names and their words are Debezium's own. */
export const valueOptions = {
  'decimal.handling.mode': z
    .enum(['precise', 'double', 'string'])
    .prefault('precise')
    .describe('numeric and money: exact bytes (Connect’s Decimal), a floating point number, or text.'),
  'time.precision.mode': z
    .enum(['adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'])
    .prefault('adaptive')
    .describe('date, time and timestamp: numbers as fine as the column, numbers of one unit, Connect’s own types, or text.'),
  'interval.handling.mode': z
    .enum(['numeric', 'string'])
    .prefault('numeric')
    .describe('interval: microseconds (a month has 365.25/12 days), or text such as `P1Y2M3DT4H5M6.7S`.'),
  'binary.handling.mode': z
    .enum(['bytes', 'base64', 'base64-url-safe', 'hex'])
    .prefault('bytes')
    .describe('bytea: Connect’s bytes, or text. In JSON the first two look the same.'),
  'hstore.handling.mode': z.enum(['json', 'map']).prefault('json').describe('hstore: JSON in a text, or a map.'),
  'money.fraction.digits': whole({ value: 2, min: 0, max: 18 }, 'Digits behind the point of money.'),
  'unavailable.value.placeholder': text(
    '__debezium_unavailable_value',
    'Stands for a value that the log did not send: a large one, stored outside its row, that an update left alone.',
  ),
  'include.unknown.datatypes': flag(false, 'Columns of types that Debezium does not know: left out, or the server’s text as bytes.'),
  'event.converting.failure.handling.mode': z
    .enum(['fail', 'warn', 'skip'])
    .prefault('fail')
    .describe(
      'A value that the column’s form cannot hold (`NaN` as exact bytes): an error, or null. Debezium’s own default is `warn`, which is null.',
    ),
  'column.propagate.source.type': patterns('Columns (`schema.table.column`) whose schemas tell the source’s type, length and scale.'),
  'datatype.propagate.source.type': patterns('The same for all columns of a type (`schema.table.numeric`).'),
  'schema.name.adjustment.mode': z.enum(ADJUSTMENT).prefault('none').describe('How names of schemas are made fit for Avro.'),
  'field.name.adjustment.mode': z.enum(ADJUSTMENT).prefault('none').describe('How names of columns are made fit for Avro.'),
}

/** Which messages there are, and where they go. */
export const messageOptions = {
  'topic.prefix': topicSchema.optional().describe('The beginning of every topic, and `source.name`. Default: the pipeline’s name.'),
  'database.dbname': z.string().optional().describe('The database’s name in `source.db`. Default: what the source says.'),
  'topic.delimiter': topicPart('.', 'Stands between the parts of a topic’s name.'),
  'topic.transaction': topicPart('transaction', 'The topic of transactions, behind the prefix.'),
  'topic.heartbeat.prefix': topicPart('__debezium-heartbeat', 'The topic of heartbeats, before the prefix.'),
  'topic.heartbeat.name': topicSchema.optional().describe('The whole name of the topic of heartbeats.'),
  'heartbeat.interval.ms': whole({ value: 0, min: 0, max: 2 ** 31 - 1 }, 'A heartbeat at most so often, while the log moves; 0: none.'),
  'tombstones.on.delete': flag(true, 'A message with the key and without a value after each delete.'),
  'skipped.operations': words('t', 'Operations without a message: `c`, `u`, `d`, `t`; or `none`.').refine(
    (list) => list.every((word) => ['c', 'u', 'd', 't', 'none'].includes(word)),
    { error: 'must be a list of c, u, d, t; or none' },
  ),
  'skip.messages.without.change': flag(false, 'No message for an update that changed nothing; needs REPLICA IDENTITY FULL.'),
  'message.key.columns': keyColumnsSchema(),
  'message.prefix.include.list': patterns('Only logical messages with these prefixes.'),
  'message.prefix.exclude.list': patterns('All logical messages but those with these prefixes.'),
  'provide.transaction.metadata': flag(false, 'Tells each transaction’s begin and end in a topic, and of each change its place in it.'),
  'extended.headers.enabled': flag(true, 'The headers `__debezium.context.…`.'),
  'schemas.enable': flag(true, 'Whether keys and values carry their schemas: `{"schema":…,"payload":…}`.'),
  'key.converter.schemas.enable': maybeFlag('The same for keys alone.'),
  'value.converter.schemas.enable': maybeFlag('The same for values alone.'),
  'key.converter': z.literal(JSON_CONVERTER).prefault(JSON_CONVERTER).describe('JSON is the only one.'),
  'value.converter': z.literal(JSON_CONVERTER).prefault(JSON_CONVERTER).describe('JSON is the only one.'),
}

export const debeziumOptions = { ...valueOptions, ...messageOptions }

const checked = z.strictObject(debeziumOptions)

export type DebeziumOptions = z.output<typeof checked>
