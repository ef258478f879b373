import type { FormatContext } from '../../contracts/definition.ts'
import type { Format } from '../../contracts/format.ts'
import { createDebeziumFormat } from '../../messages/debezium/create-format.ts'
import { settingsOf } from '../../messages/debezium/settings.ts'
import type { FlatOptions } from './config.ts'
import { flatShape } from './flat-shape.ts'

/** The messages of Debezium’s connector for Postgres behind ExtractNewRecordState: docs/specs/debezium.md. `nowMs`: the clock, for tests. */
export function createDebeziumFlat(options: FlatOptions, context: FormatContext, nowMs: () => number = Date.now): Format {
  const settings = settingsOf(options, context, nowMs)
  return createDebeziumFormat(settings, flatShape(options, settings.valueSchemas))
}
