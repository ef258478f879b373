import type { SinkDefinition } from '../../contracts/definition.ts'
import { shellQuote } from '../../lib/shell-quote.ts'
import { config, type DuckdbConfig } from './config.ts'
import { quoteName } from './quote.ts'

export const definition: SinkDefinition<DuckdbConfig> = {
  type: 'duckdb',
  summary:
    "Tables in a DuckDB file, equal to the source's, under its schemas' names (`FROM public.orders`): exactly once, the position in the rows' own transaction.",
  capabilities: {
    delivery: 'exactly-once',
    shape: 'tables',
    needsKey: false,
    truncate: true,
    schemaChanges: true,
    partialUpdates: true,
    columnar: true,
    readable: true,
  },
  config,
  fromUrl: (rest) => (rest === '' ? null : { path: rest }),
  async check(settings, context) {
    const { checkDuckdbSink } = await import('./check.ts')
    await checkDuckdbSink(settings, context)
  },
  async checkTables(tables, _, { name }) {
    const { refuseNameClash } = await import('./shape.ts')
    for (const table of tables) refuseNameClash(name, table)
  },
  async open(settings, context) {
    const { createDuckdbSink } = await import('./sink.ts')
    return createDuckdbSink(settings, context)
  },
  place({ path }, { pathOf, table }) {
    const name = [table.schema, table.name].map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : quoteName(part))).join('.')
    const where = pathOf(path)
    return { where, query: `duckdb ${shellQuote(where)} ${shellQuote(`SELECT * FROM ${name} LIMIT 10`)}` }
  },
}
