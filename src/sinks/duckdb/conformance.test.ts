import { test } from 'vitest'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'
import { temporaryFolder } from './sink.fixture.ts'

const { capabilities } = definition

async function place() {
  const folder = temporaryFolder()
  const settings = config.parse({ path: 'sink.duckdb' })
  return {
    open: (context: Parameters<typeof definition.open>[1]) => definition.open(settings, { ...context, baseDir: folder.path }),
    remove: async () => folder[Symbol.dispose](),
  }
}

for (const { title, run } of sinkConformance({ name: 'duckdb', capabilities, place })) test(title, run)
