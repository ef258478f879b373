import { join, resolve } from 'node:path'
import type { SinkDefinition } from '../../contracts/definition.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { shellQuote } from '../../lib/shell-quote.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import { config, type FileConfig } from './config.ts'

export const definition: SinkDefinition<FileConfig> = {
  type: 'file',
  summary: 'Growing segments of JSON lines, one folder a table, each change exactly once.',
  capabilities: {
    delivery: 'exactly-once',
    shape: 'changes',
    needsKey: false,
    truncate: true,
    schemaChanges: true,
    partialUpdates: true,
    columnar: false,
    readable: false,
  },
  config,
  fromUrl: (rest) => (rest === '' ? null : { path: rest.replace(/^\/\/(?=\/)/, '') }),
  async check({ path }, { baseDir, name }) {
    const { checkFolder } = await import('./check.ts')
    await checkFolder(resolve(baseDir, path), name)
  },
  async open({ path, rollSize, rollAfter }, { name, baseDir, format, state }) {
    if (format === null) throw new MillraceError('BUG', { reason: `the sink ${name} was opened without a format` })
    const { openFile } = await import('./sink.ts')
    return openFile({ name, root: resolve(baseDir, path), format, rollSize, rollAfterMs: rollAfter, state })
  },
  place({ path }, { pathOf, table }) {
    const where = pathOf(path)
    return { where, query: `tail -n 1 ${shellQuote(join(where, tableFolder(table)))}/*.ndjson` }
  },
}
