import { z } from 'zod'
import type { TransformDefinition } from '../../contracts/definition.ts'
import { narrowTable } from '../alter-table.ts'
import { movedStep } from '../moved-step.ts'
import { createTableChoice, tablesSchema } from '../table-choice.ts'

const config = z.strictObject({
  tables: tablesSchema(),
  columns: z.array(z.string().min(1)).min(1).describe('The columns that stay, by name; all others go, also those that are added later.'),
})

export const definition: TransformDefinition<z.infer<typeof config>> = {
  type: 'select',
  summary: 'Keeps the columns named and leaves out all others.',
  config,
  create({ tables, columns }, { name }) {
    const choice = createTableChoice(name, tables)
    return {
      check: (arriving) => choice.check(arriving, columns),
      table(table) {
        if (!choice.includes(table)) return null
        const kept = choice.find(table, columns).toSorted((a, b) => a - b)
        return kept.length === table.columns.length ? null : movedStep(table, narrowTable(name, table, kept), kept)
      },
    }
  },
}
