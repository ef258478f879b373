import type { SinkDefinition } from '../../contracts/definition.ts'
import { shellQuote } from '../../lib/shell-quote.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import { config, type ParquetConfig } from './config.ts'

export const definition: SinkDefinition<ParquetConfig> = {
  type: 'parquet',
  summary: 'Parquet files in a folder or in S3, one folder a table: its snapshot and every change, each exactly once.',
  capabilities: {
    delivery: 'exactly-once',
    shape: 'changes',
    needsKey: false,
    truncate: true,
    schemaChanges: true,
    partialUpdates: true,
    columnar: true,
    readable: false,
  },
  config,
  fromUrl: (rest) => (rest === '' ? null : { path: rest.replace(/^\/\/(?=\/)/, '') }),
  async check(settings, context) {
    const { openStore } = await import('./open-store.ts')
    await using store = await openStore(settings, { ...context, owner: 'check' })
    await store.check()
  },
  async checkTables(tables, _, { name }) {
    const { refuseReserved } = await import('./refuse-reserved.ts')
    for (const table of tables) refuseReserved(name, table)
  },
  async open(settings, context) {
    const { openStore, ownerOf } = await import('./open-store.ts')
    const { createParquetSink } = await import('./sink.ts')
    const owner = ownerOf(context)
    const store = await openStore(settings, { ...context, owner })
    const { compression, level, threads, onValue: misfit, rollSize, rollAfter: rollAfterMs } = settings
    const writer = { compression, ...(level !== undefined && { level }) }
    const { pipeline, name, state, durable, failed, log } = context
    return createParquetSink({ pipeline, name, state, durable, failed, log, store, owner, writer, threads, misfit, rollSize, rollAfterMs })
  },
  openArchive: async (settings, context) => (await import('./archive-open.ts')).openArchive(settings, context),
  place({ path }, { pathOf, table }) {
    const where = path.startsWith('s3://') ? path : pathOf(path)
    const files = `${where.replace(/\/+$/, '')}/${tableFolder(table)}/*/*.parquet`
    const query = `SELECT * FROM read_parquet('${files.replaceAll("'", "''")}', union_by_name = true) LIMIT 10`
    return { where, query: `duckdb -c ${shellQuote(query)}` }
  },
}
