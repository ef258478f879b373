import type { Format } from '../../contracts/format.ts'
import type { Sink, SinkContext, SinkRecord } from '../../contracts/sink.ts'
import { createMemorySinkState } from '../../testing/memory-sink-state.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import type { KafkaServer } from '../../../test/servers/kafka.ts'
import { config, type KafkaConfig } from './config.ts'
import { definition } from './definition.ts'

let places = 0

/** Topics and an id of its own, on the server: `prefix.schema.table`. */
export function settingsOn(server: Pick<KafkaServer, 'address'>, more: Record<string, unknown> = {}): KafkaConfig & { prefix: string } {
  const prefix = `place-${process.pid}-${++places}`
  const settings = config.parse({ brokers: [server.address()], topic: `${prefix}.\${schema}.\${table}`, transactionalId: prefix, ...more })
  return { ...settings, prefix }
}

export function contextOf(format: Format = createPlainFormat()): SinkContext {
  const quiet = (): void => {}
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  return { pipeline: 'test', name: 'kafka', baseDir: '/', format, state: createMemorySinkState(), log, durable: quiet, failed: quiet }
}

/** As a new process would. */
export async function openSink(settings: KafkaConfig, format?: Format): Promise<{ sink: Sink; record: SinkRecord | null }> {
  const sink = await definition.open(settings, contextOf(format))
  try {
    return { sink, record: await sink.resume() }
  } catch (error) {
    await sink[Symbol.asyncDispose]()
    throw error
  }
}

export const signal: AbortSignal = new AbortController().signal
