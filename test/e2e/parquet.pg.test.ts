/** The Parquet sink under kill -9, again and again, with the database's schema changed and its tables rewritten meanwhile. */
import { join } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { createLocalStore } from '../../src/sinks/parquet/local-store.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'
import { killLake } from './kill-lake.ts'

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

test('killed ten times under load, the lake ends equal to the source, each change in it once and in order', { timeout: 240_000 }, () =>
  killLake({
    server,
    kills: 10,
    sink: 'path: ./lake',
    openStore: async (cwd) => createLocalStore({ sink: 'parquet', root: join(cwd, 'lake'), owner: 'test' }),
  }),
)
