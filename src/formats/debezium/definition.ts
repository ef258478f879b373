import type { z } from 'zod'
import type { FormatDefinition } from '../../contracts/definition.ts'
import { insteadOf } from '../../messages/debezium/instead-of.ts'
import { config } from './config.ts'
import { createDebezium } from './debezium.ts'

export const definition: FormatDefinition<z.infer<typeof config>> = {
  type: 'debezium',
  summary: 'What Debezium’s connector for Postgres writes, as JSON; its options are the connector’s properties.',
  config,
  insteadOf,
  create: createDebezium,
}
