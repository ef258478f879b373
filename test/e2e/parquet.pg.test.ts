/** The Parquet sink under kill -9, again and again, with the database's schema changed and its tables rewritten meanwhile. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace } from '../../src/cli/run-cli.fixture.ts'
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

test('where somebody removed all files it is said, and a repair brings everything again', { timeout: 60_000 }, async () => {
  const database = await server.createDatabase()
  await server.query(`CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)`, [], database)
  const configuration = `name: gone\nsource: { type: postgres, url: "\${env:GONE_URL}" }\nsinks: [{ type: parquet, path: ./lake }]\n`
  const cwd = folderWith({ 'gone.yaml': configuration })
  const run = (...more: string[]) =>
    millrace(['run', '-c', 'gone.yaml', '--until', 'caught-up', ...more], { cwd, env: { GONE_URL: server.url(database) } })
  expect((await run()).code).toBe(0)
  rmSync(join(cwd, 'lake'), { recursive: true })
  const told = await run()
  expect([told.code, told.stderr]).toEqual([1, expect.stringContaining('GAP_SINK_BEHIND')])
  const repaired = await run('--repair')
  expect(repaired.code, repaired.stderr).toBe(0)
  await using store = createLocalStore({ sink: 'parquet', root: join(cwd, 'lake'), owner: 'test' })
  expect(await store.list('public.t/snapshot')).toHaveLength(1)
})
