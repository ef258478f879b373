import type { Format, Message } from '../../contracts/format.ts'
import { config } from './config.ts'
import { createDebezium } from './debezium.ts'

/** When every message of the tests is made. */
export const NOW_MS = 1_800_000_000_000

/** The format by a connector's properties; without schemas, unless they say so. */
export function debeziumOf(properties: Record<string, unknown> = {}, nowMs: () => number = () => NOW_MS): Format {
  return createDebezium(config.parse({ 'schemas.enable': false, ...properties }), { pipeline: 'shop' }, nowMs)
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON, whose shape is what they are about
export type Parsed = any

/** Key and value as what they say. */
export function parsed(messages: readonly Message[]) {
  const read = (text: string | null): Parsed => (text === null ? null : JSON.parse(text))
  return messages.map(({ topic, key, value, headers }) => ({ topic, key: read(key), value: read(value), headers }))
}
