import type { TransformDefinition } from '../../contracts/definition.ts'
import { createTableChoice } from '../table-choice.ts'
import { config, type MaskConfig } from './config.ts'
import { createMask } from './create-mask.ts'
import { maskStep } from './mask-step.ts'

export const definition: TransformDefinition<MaskConfig> = {
  type: 'mask',
  summary: 'Puts something else in place of the values of columns.',
  config,
  create(given, { name }) {
    const { tables, columns } = given
    const choice = createTableChoice(name, tables)
    return {
      check: (arriving) => choice.check(arriving, columns),
      table(table) {
        const found = choice.includes(table) ? choice.find(table, columns) : []
        if (found.length === 0) return null
        return maskStep(table, new Map(found.map((index) => [index, createMask(name, table, { index, config: given })])))
      },
    }
  },
}
