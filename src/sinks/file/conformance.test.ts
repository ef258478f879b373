import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { sinkConformance, type SinkPlace } from '../../testing/sink-conformance.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'

describe('the sink file conforms', () => {
  for (const { title, run } of sinkConformance({ name: 'file', capabilities: definition.capabilities, place })) test(title, run)
})

async function place(): Promise<SinkPlace> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-file-'))
  return {
    open: (context) => definition.open(config.parse({ path: join(root, 'out') }), context),
    lines: async (table) => {
      const folder = join(root, 'out', tableFolder(table))
      const texts = await Promise.all((await readdir(folder)).sort().map((file) => readFile(join(folder, file), 'utf8')))
      return texts.join('').split('\n').slice(0, -1)
    },
    remove: () => rm(root, { recursive: true }),
  }
}
