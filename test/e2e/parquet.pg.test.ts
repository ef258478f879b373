/** The Parquet sink under kill -9, again and again, with the database's schema changed and its tables rewritten meanwhile. */
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadShop, NEW_COLUMN, startWriters } from '../../demo/shop.ts'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { createLocalStore } from '../../src/sinks/parquet/local-store.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'
import { foldLake } from './fold-lake.ts'

const CONFIGURATION = `name: shop
source: { type: postgres, url: "\${env:SHOP_URL}" }
snapshot: { chunkSize: 256kB, parallel: 3 }
sinks:
  - { type: parquet, path: ./lake, rollAfter: 300ms, rollSize: 100kB }
`
const RESHAPE = `ALTER TABLE orders ALTER coupon TYPE text USING 'code ' || coupon; ALTER TABLE customers RENAME born TO birthday; ALTER TABLE products DROP warranty`

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

test(
  'killed ten times under load, the lake ends equal to the source, each change in it once and in order',
  { timeout: 240_000 },
  async () => {
    const database = await server.createDatabase('lake')
    const cwd = folderWith({ 'shop.yaml': CONFIGURATION })
    const url = server.url(database)
    const env = { SHOP_URL: url }
    const admin = await server.connect(database)
    await loadShop(admin)
    await admin.end()
    const writers = startWriters(() => server.connect(database), 2)
    for (let round = 0; round < 10; round++) {
      const run = startMillrace(['run', '-c', 'shop.yaml'], { cwd, env })
      await until(() => run.output.stderr.includes('"started"') || run.child.exitCode !== null, 60_000, 'the start')
      expect(run.child.exitCode, run.output.stderr).toBeNull()
      if (round === 3) await server.query(NEW_COLUMN, [], database)
      if (round === 6) await server.query(RESHAPE, [], database)
      // Where the kill falls is chance; that is the point.
      await passed(50 + ((round * 7919) % 13) * 100)
      run.child.kill('SIGKILL')
      await run.finished
    }
    await writers.stop()
    const last = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd, env })
    expect(last.code, last.stderr).toBe(0)

    const folded = await foldLake(url, createLocalStore({ sink: 'parquet', root: join(cwd, 'lake'), owner: 'test' }))
    expect(folded.lines).toBeGreaterThan(100)
    expect(folded).toMatchObject({ differing: [], repeated: 0 })
  },
)
