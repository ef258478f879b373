import { z } from 'zod'
import type { TransformDefinition } from '../../contracts/definition.ts'
import { narrowTable } from '../alter-table.ts'
import { movedStep } from '../moved-step.ts'
import { createTableChoice, tablesSchema } from '../table-choice.ts'

const config = z.strictObject({
  tables: tablesSchema(),
  columns: z.array(z.string().min(1)).min(1).describe('The columns that go, by name.'),
})

export const definition: TransformDefinition<z.infer<typeof config>> = {
  type: 'drop',
  summary: 'Leaves the columns named out.',
  config,
  create({ tables, columns }, { name }) {
    const choice = createTableChoice(name, tables)
    return {
      check: (arriving) => choice.check(arriving, columns),
      table(table) {
        const gone = choice.includes(table) ? choice.find(table, columns) : []
        if (gone.length === 0) return null
        const kept = table.columns.flatMap((_, index) => (gone.includes(index) ? [] : [index]))
        return movedStep(table, narrowTable(name, table, kept), kept)
      },
    }
  },
}
