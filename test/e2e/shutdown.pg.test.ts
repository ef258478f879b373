/** The database shut down in order, and started again, under somebody who writes until it is gone. */
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foldFiles } from '../../demo/fold-files.ts'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { createLocalStore } from '../../src/sinks/parquet/local-store.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'
import { foldLake } from './fold-lake.ts'

/** Files that are not finished by themselves: what they hold is durable only where somebody waits for it. */
const CONFIGURATION = `name: shop
source: { type: postgres, url: "\${env:SHOP_URL}" }
sinks:
  - { type: duckdb, path: ./shop.duckdb }
  - { type: file, path: ./changes }
  - { type: parquet, path: ./lake, rollAfter: 1h }
`
const ROUNDS = 3

describe.each(testedMajors([14, 18]))('Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(() => server.stop())

  test(
    'goes down and comes back under a running pipeline, and nothing is lost of what was committed until then',
    { timeout: 180_000 },
    async () => {
      const database = await server.createDatabase('shutdown')
      const url = server.url(database)
      const cwd = folderWith({ 'shop.yaml': CONFIGURATION })
      const env = { SHOP_URL: url }
      await server.query('CREATE TABLE t (id bigint PRIMARY KEY, v text)', [], database)
      const run = startMillrace(['run', '-c', 'shop.yaml'], { cwd, env })
      const lines = (event: string) => run.output.stderr.split(`"${event}"`).length - 1
      let written = 0
      for (let round = 1; round <= ROUNDS; round++) {
        await until(() => lines('started') === round || run.child.exitCode !== null, 60_000, 'the start')
        expect(run.child.exitCode, run.output.stderr).toBeNull()
        const writing = write(await server.connect(database), () => ++written)
        const before = written
        await until(() => written > before + 200)
        await server.halt('fast')
        await writing
        await until(() => lines('retry') >= round, 60_000, 'a retry')
        await server.start()
      }
      await until(() => lines('started') > ROUNDS, 60_000, 'the start')
      run.child.kill('SIGTERM')
      expect((await run.finished).code).toBe(0)
      const last = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd, env })
      expect(last.code, last.stderr).toBe(0)
      const verified = await millrace(['verify', '-c', 'shop.yaml', '--sink', 'duckdb'], { cwd, env })
      expect(verified.stdout).toMatch(/verified: source = sink \(1 tables, \d+ rows\)\n$/)
      expect(await foldFiles(url, join(cwd, 'changes'))).toMatchObject({ differing: 0, repeated: 0 })
      await using lake = createLocalStore({ sink: 'parquet', root: join(cwd, 'lake'), owner: 'test' })
      expect(await foldLake(url, lake)).toMatchObject({ differing: [], repeated: 0 })
    },
  )
})

/** One transaction after another, until the server is gone. */
async function write(client: pg.Client, next: () => number): Promise<void> {
  try {
    for (;;) await client.query(`INSERT INTO t VALUES (${next()}, 'written until the end')`)
  } catch {
    // It was shut down; the last commit may have come to pass or not, which the source itself says.
  }
  await client.end().catch(() => {}) // it has ended
}
