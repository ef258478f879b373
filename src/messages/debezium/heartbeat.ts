import type { Message } from '../../contracts/format.ts'
import { INT64, STRING, wrapping, type ConnectSchema } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'
import { adjustSchemaName } from './names.ts'
import type { Settings } from './settings.ts'

/** A heartbeat where the last one, or the beginning, lies an interval back; asked for as the log moves. */
export function createHeartbeat({ options, prefix, keySchemas, valueSchemas, nowMs }: Settings): () => readonly Message[] {
  const intervalMs = options['heartbeat.interval.ms']
  const topic = options['topic.heartbeat.name'] ?? [options['topic.heartbeat.prefix'], prefix].join(options['topic.delimiter'])
  const adjusted = (schema: ConnectSchema) => ({
    ...schema,
    name: adjustSchemaName(schema.name ?? '', options['schema.name.adjustment.mode']),
  })
  const keyAround = wrapping(keySchemas ? adjusted(KEY_SCHEMA) : null)
  const around = wrapping(valueSchemas ? adjusted(VALUE_SCHEMA) : null)
  const key = `${keyAround.before}{"serverName":${quoted(prefix)}}${keyAround.after}`
  let lastMs = nowMs()
  return () => {
    const now = nowMs()
    if (intervalMs === 0 || now - lastMs < intervalMs) return []
    lastMs = now
    return [{ topic, key, value: `${around.before}{"ts_ms":${now}}${around.after}`, headers: {} }]
  }
}

const KEY_SCHEMA: ConnectSchema = {
  type: 'struct',
  optional: false,
  name: 'io.debezium.connector.common.ServerNameKey',
  version: 1,
  fields: [{ field: 'serverName', ...STRING }],
}
const VALUE_SCHEMA: ConnectSchema = {
  type: 'struct',
  optional: false,
  name: 'io.debezium.connector.common.Heartbeat',
  version: 1,
  fields: [{ field: 'ts_ms', ...INT64 }],
}
