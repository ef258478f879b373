import type { FormatDefinition } from '../../contracts/definition.ts'
import { insteadOf } from '../../messages/debezium/instead-of.ts'
import { config, type FlatOptions } from './config.ts'
import { createDebeziumFlat } from './debezium-flat.ts'

export const definition: FormatDefinition<FlatOptions> = {
  type: 'debezium-flat',
  summary: 'The row alone, as Debezium’s ExtractNewRecordState leaves it; its options beside those of `debezium`.',
  config,
  insteadOf,
  create: createDebeziumFlat,
}
