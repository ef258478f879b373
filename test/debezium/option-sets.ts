/** Debezium's properties that the comparison is made with, in few sets: each engine reads everything once more. */
import type { DebeziumProperties } from '../servers/debezium.ts'

const PLAIN = { 'key.converter.schemas.enable': 'false', 'value.converter.schemas.enable': 'false' }

/** How values look: over every type. */
export const VALUE_SETS: Record<string, DebeziumProperties> = {
  plain: PLAIN,
  schemas: {},
  doubles: {
    'decimal.handling.mode': 'double',
    'time.precision.mode': 'connect',
    'interval.handling.mode': 'string',
    'binary.handling.mode': 'base64',
    'hstore.handling.mode': 'map',
  },
  strings: {
    'decimal.handling.mode': 'string',
    'time.precision.mode': 'isostring',
    'binary.handling.mode': 'hex',
    'include.unknown.datatypes': 'true',
    'column.propagate.source.type': '.*',
  },
  micros: { ...PLAIN, 'time.precision.mode': 'microseconds', 'binary.handling.mode': 'base64-url-safe', 'money.fraction.digits': '4' },
  nanos: { ...PLAIN, 'time.precision.mode': 'nanoseconds' },
  adaptive: { 'time.precision.mode': 'adaptive_time_microseconds', 'schema.name.adjustment.mode': 'avro' },
}

/** Which records there are: over every kind of change. */
export const RECORD_SETS: Record<string, DebeziumProperties> = {
  plain: PLAIN,
  schemas: {},
  bare: {
    ...PLAIN,
    'tombstones.on.delete': 'false',
    'skipped.operations': 'none',
    'skip.messages.without.change': 'true',
    'extended.headers.enabled': 'false',
    'topic.delimiter': '-',
    'message.prefix.include.list': 'aud.*',
  },
  keys: {
    'message.key.columns': 'public.(keyless|whole):v;(.*).pairs:b;(.*).key_types:n,d',
    'skipped.operations': 'u,t',
    'unavailable.value.placeholder': 'gone',
    'schema.name.adjustment.mode': 'avro',
    'field.name.adjustment.mode': 'avro_unicode',
  },
  transactions: { 'provide.transaction.metadata': 'true', 'unavailable.value.placeholder': 'hex:00ff' },
  told: { ...PLAIN, 'provide.transaction.metadata': 'true', 'message.prefix.exclude.list': 'other', 'skipped.operations': 'd' },
}

/** What becomes of a record whose row alone is wanted: over every kind of change. */
export const FLAT_SETS: Record<string, DebeziumProperties> = {
  plain: PLAIN,
  schemas: {},
  rewritten: {
    'delete.tombstone.handling.mode': 'rewrite',
    'add.fields': 'op,table,lsn,source.ts_ms,transaction.id:tx',
    'add.headers': 'op,source.db,schema:in',
    'provide.transaction.metadata': 'true',
  },
  both: {
    'delete.tombstone.handling.mode': 'rewrite-with-tombstone',
    'add.fields': 'op:what,ts_us',
    'add.fields.prefix': '',
    'add.headers': 'table',
  },
  dropped: {
    ...PLAIN,
    'delete.tombstone.handling.mode': 'drop',
    'add.headers': 'op',
    'add.headers.prefix': 'x.',
    'skipped.operations': 'none',
  },
  tombstones: { ...PLAIN, 'delete.tombstone.handling.mode': 'delete-to-tombstone', 'tombstones.on.delete': 'false', 'add.headers': 'op' },
  changed: {
    'header.changed.name': 'changed',
    'header.unchanged.name': 'unchanged',
    'drop.fields.header.name': 'unchanged',
    'drop.fields.keep.schema.compatible': 'false',
  },
}

const OF_UNWRAP = ['delete.tombstone', 'add.', 'drop.fields', 'route.']
const OF_CHANGES = ['header.changed', 'header.unchanged']

/** The same as properties of a connector, whose transforms do it. */
export function withTransforms(set: DebeziumProperties): DebeziumProperties {
  const named = Object.entries(set).map(([name, value]) => {
    if (OF_UNWRAP.some((prefix) => name.startsWith(prefix))) return [`transforms.unwrap.${name}`, value]
    return OF_CHANGES.some((prefix) => name.startsWith(prefix)) ? [`transforms.changes.${name}`, value] : [name, value]
  })
  return {
    ...Object.fromEntries(named),
    transforms: 'changes,unwrap',
    'transforms.changes.type': 'io.debezium.transforms.ExtractChangedRecordState',
    'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState',
  }
}
