import { afterAll, beforeAll, describe, test } from 'vitest'
import { sinkConformance, type SinkPlace } from '../../testing/sink-conformance.ts'
import { startS3, type S3Server } from '../../../test/servers/s3.ts'
import { config } from './config.ts'
import { linesIn } from './conformance.fixture.ts'
import { definition } from './definition.ts'
import { openStore } from './open-store.ts'

let server: S3Server
let bucket: string
/** Building the server takes minutes, once a machine. */
beforeAll(async () => {
  server = await startS3()
  bucket = await server.createBucket()
}, 900_000)
afterAll(() => server?.stop())

describe('the sink parquet conforms, in S3', () => {
  for (const { title, run } of sinkConformance({ name: 'parquet', capabilities: definition.capabilities, place })) test(title, run)
})

let places = 0

async function place(): Promise<SinkPlace> {
  const settings = config.parse({ path: `s3://${bucket}/place-${++places}`, ...server.settings })
  const store = await openStore(settings, { name: 'parquet', baseDir: '/', owner: 'test' })
  return {
    open: (context) => definition.open(settings, context),
    lines: (table) => linesIn(store, table),
    keepsLastCopy: true,
    remove: async () => store[Symbol.asyncDispose](),
  }
}
