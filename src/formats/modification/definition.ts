import { z } from 'zod'
import type { FormatDefinition } from '../../contracts/definition.ts'
import { templateSchema } from '../../messages/template-schema.ts'
import { createModification } from './modification.ts'

const config = z.strictObject({
  schema: z
    .enum(['spec', 'avro'])
    .default('spec')
    .describe("How a table's schema is told before its rows: its columns with Postgres' types (`spec`), or an Avro record (`avro`)."),
  schemaTopic: templateSchema()
    .optional()
    .describe('The topic of schema messages, e.g. `${schema}.${table}.schema`. Left out: where the rows go.'),
})

export const definition: FormatDefinition<z.infer<typeof config>> = {
  type: 'modification',
  summary: "pg2sink's Modification and Schema messages: each table's schema before its rows.",
  config,
  create: createModification,
}
