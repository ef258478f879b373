import { resolve } from 'node:path'
import { z } from 'zod'
import type { TransformDefinition } from '../../contracts/definition.ts'
import { createTableChoice, tablesSchema } from '../table-choice.ts'

const config = z.strictObject({
  tables: tablesSchema(),
  module: z
    .string()
    .min(1)
    .describe(
      'The path of a module (.ts, .mts, .js, .mjs) that exports `(change) => change | null | change[]` as its default. Runs with all rights of this process.',
    ),
})

export const definition: TransformDefinition<z.infer<typeof config>> = {
  type: 'script',
  summary: 'Gives each change and each copied row to a function of yours, which passes it on, alters it, drops it, or makes several of it.',
  config,
  async create({ tables, module }, { name, baseDir }) {
    const { loadScript } = await import('./load-script.ts')
    const { scriptStep } = await import('./script-step.ts')
    const choice = createTableChoice(name, tables)
    const script = await loadScript(module, resolve(baseDir, module))
    return {
      splits: true,
      check: (arriving) => choice.check(arriving, []),
      table: (table) => (choice.includes(table) ? scriptStep(table, script) : null),
    }
  },
}
