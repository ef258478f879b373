import { describe, test } from 'vitest'
import { tableName } from '../../contracts/table.ts'
import { sinkConformance, type SinkPlace } from '../../testing/sink-conformance.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'
import { startReceiver } from './receiver.fixture.ts'

describe('the sink http conforms', () => {
  for (const { title, run } of sinkConformance({ name: 'http', capabilities: definition.capabilities, place })) test(title, run)
})

/** Small requests, so that a scenario takes many. */
async function place(): Promise<SinkPlace> {
  const receiver = await startReceiver()
  return {
    open: (context) => definition.open(config.parse({ url: receiver.url, maxRecords: 700, maxBytes: '64kB' }), context),
    lines: async (table) => {
      const lines = receiver.taken.map(({ value }) => value as string[]) // the plain format's lines
      return lines.filter((line) => line[2] === tableName(table)).map((line) => JSON.stringify(line))
    },
    remove: async () => receiver[Symbol.asyncDispose](),
  }
}
