import { z } from 'zod'
import type { FormatDefinition } from '../../contracts/definition.ts'
import { createFieldsValues } from './fields-values.ts'

const config = z.strictObject({
  decimals: z
    .enum(['number', 'string'])
    .default('number')
    .describe('Decimals as numbers with all their digits (read them with a parser that keeps them), or as strings.'),
})

export const definition: FormatDefinition<z.infer<typeof config>> = {
  type: 'fields-values',
  summary: "pg_to_brokers' record: names, types and values of the columns side by side.",
  config,
  create: createFieldsValues,
}
