import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { sinkConformance, type SinkPlace } from '../../testing/sink-conformance.ts'
import { config } from './config.ts'
import { linesIn } from './conformance.fixture.ts'
import { definition } from './definition.ts'
import { createLocalStore } from './local-store.ts'

describe('the sink parquet conforms, in a folder', () => {
  for (const { title, run } of sinkConformance({ name: 'parquet', capabilities: definition.capabilities, place })) test(title, run)
})

async function place(): Promise<SinkPlace> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-parquet-'))
  const store = createLocalStore({ sink: 'parquet', root, owner: 'test' })
  return {
    open: (context) => definition.open(config.parse({ path: root }), context),
    lines: (table) => linesIn(store, table),
    keepsLastCopy: true,
    remove: () => rm(root, { recursive: true }),
  }
}
