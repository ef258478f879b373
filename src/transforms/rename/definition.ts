import { z } from 'zod'
import type { TransformDefinition } from '../../contracts/definition.ts'
import { createTableChoice, tablesSchema } from '../table-choice.ts'
import { faultOfName } from './name-template.ts'
import { renameTable } from './rename-table.ts'

const config = z
  .strictObject({
    tables: tablesSchema(),
    to: z
      .string()
      .superRefine((text, context) => {
        const fault = faultOfName(text)
        if (fault !== null) context.addIssue({ code: 'custom', message: fault })
      })
      .optional()
      .describe('The table as schema.table; `${schema}` and `${table}` stand for what it was called, so that one line can rename many.'),
    columns: z
      .record(z.string().min(1), z.string().min(1))
      .prefault({})
      .describe('New names by the columns’ old ones. All at once: two columns may change their names with each other.'),
  })
  .refine(({ to, columns }) => to !== undefined || Object.keys(columns).length > 0, { error: 'needs `to`, `columns`, or both' })

export const definition: TransformDefinition<z.infer<typeof config>> = {
  type: 'rename',
  summary: 'Gives tables and columns other names.',
  config,
  create({ tables, to, columns }, { name }) {
    const choice = createTableChoice(name, tables)
    return {
      check: (arriving) => choice.check(arriving, Object.keys(columns)),
      table(table) {
        if (!choice.includes(table)) return null
        choice.find(table, Object.keys(columns))
        return renameTable(name, table, { to, columns })
      },
    }
  },
}
