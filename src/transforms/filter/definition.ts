import type { TransformDefinition } from '../../contracts/definition.ts'
import { createTableChoice } from '../table-choice.ts'
import { createJudge } from './conditions.ts'
import { config, OPERATIONS, type FilterConfig } from './config.ts'
import { filterStep } from './filter-step.ts'

export const definition: TransformDefinition<FilterConfig> = {
  type: 'filter',
  summary: 'Lets only the rows pass that meet conditions, and only some operations. A row that no longer meets them is deleted.',
  config,
  create({ tables, operations = OPERATIONS, where }, { name }) {
    const choice = createTableChoice(name, tables)
    const columns = Object.keys(where)
    return {
      check: (arriving) => choice.check(arriving, columns),
      table(table) {
        if (!choice.includes(table)) return null
        // A table chosen by a wildcard that lacks a column is not asked about it.
        return filterStep(table, createJudge(where, { transform: name, table, choice }), new Set(operations))
      },
    }
  },
}
