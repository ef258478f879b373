import type { FormatContext } from '../../contracts/definition.ts'
import type { Format } from '../../contracts/format.ts'
import { contextHeaders, createDebeziumFormat } from '../../messages/debezium/create-format.ts'
import type { DebeziumOptions } from '../../messages/debezium/options.ts'
import { settingsOf } from '../../messages/debezium/settings.ts'
import { envelopeShape } from './envelope.ts'
import { createEnvelopeBytes } from './line-bytes.ts'

/** The messages of Debezium's connector for Postgres. What differs, and why: docs/specs/debezium.md. `nowMs`: the clock, for tests. */
export function createDebezium(options: DebeziumOptions, context: FormatContext, nowMs: () => number = Date.now): Format {
  const settings = settingsOf(options, context, nowMs)
  return createDebeziumFormat(settings, envelopeShape(settings), createEnvelopeBytes(settings, contextHeaders(settings)))
}
