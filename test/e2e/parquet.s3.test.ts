/** The same in S3. */
import { afterAll, beforeAll, test } from 'vitest'
import { config } from '../../src/sinks/parquet/config.ts'
import { openStore } from '../../src/sinks/parquet/open-store.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'
import { startS3, type S3Server } from '../servers/s3.ts'
import { killLake } from './kill-lake.ts'

let server: PostgresServer
let s3: S3Server
beforeAll(async () => {
  server = await startPostgres(testedMajors()[0])
  s3 = await startS3()
}, 900_000)
afterAll(async () => {
  await s3?.stop()
  await server?.stop()
})

test(
  'killed six times under load, the bucket ends equal to the source, each change in it once and in order',
  { timeout: 240_000 },
  async () => {
    const settings = { path: `s3://${await s3.createBucket()}/lake`, ...s3.settings }
    const sink = Object.entries(settings)
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
      .join(', ')
    await killLake({
      server,
      kills: 6,
      sink,
      openStore: () => openStore(config.parse(settings), { name: 'parquet', baseDir: '/', owner: 'test' }),
    })
  },
)
