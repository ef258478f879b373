/** The main job under the worst treatment: kill -9 again and again, the database stopped and crashed, the schema changed, under load. */
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { foldFiles } from '../../demo/fold-files.ts'
import { loadShop, NEW_COLUMN, startWriters } from '../../demo/shop.ts'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'

const CONFIGURATION = `name: shop
source: { type: postgres, url: "\${env:SHOP_URL}" }
snapshot: { chunkSize: 256kB, parallel: 3 }
sinks:
  - { type: duckdb, path: ./shop.duckdb }
  - { type: file, path: ./changes }
`

/** A rewriting change of type, a rename, a drop: of columns that the writers leave alone. */
const RESHAPE = `ALTER TABLE orders ALTER coupon TYPE text USING 'code ' || coupon; ALTER TABLE customers RENAME born TO birthday; ALTER TABLE products DROP warranty`

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

test(
  'killed ten times under load, with a database stopped and crashed meanwhile, the sinks end equal to the source',
  { timeout: 240_000 },
  async () => {
    const database = await server.createDatabase('kill')
    const cwd = folderWith({ 'shop.yaml': CONFIGURATION })
    const url = server.url(database)
    const env = { SHOP_URL: url }
    const admin = await server.connect(database)
    await loadShop(admin)
    await admin.end()
    let writers = startWriters(() => server.connect(database), 2)

    for (let round = 0; round < 10; round++) {
      const run = startMillrace(['run', '-c', 'shop.yaml'], { cwd, env })
      await until(() => run.output.stderr.includes('"started"') || run.child.exitCode !== null, 60_000, 'the start')
      expect(run.child.exitCode, run.output.stderr).toBeNull()
      if (round === 3) await server.query(NEW_COLUMN, [], database)
      if (round === 5 || round === 7) {
        // Stopped in order once, crashed once; the run rides it out.
        await writers.stop()
        await server.halt(round === 5 ? 'fast' : 'kill')
        await until(() => run.output.stderr.includes('"retry"'), 60_000, 'a retry')
        await server.start()
        writers = startWriters(() => server.connect(database), 2)
      }
      if (round === 6) await server.query(RESHAPE, [], database)
      // Where the kill falls is chance; that is the point.
      await passed(50 + ((round * 7919) % 13) * 60)
      run.child.kill('SIGKILL')
      await run.finished
    }
    await writers.stop()
    const last = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd, env })
    expect(last.code, last.stderr).toBe(0)
    const verified = await millrace(['verify', '-c', 'shop.yaml'], { cwd, env })
    expect(verified.stdout).toMatch(/verified: source = sink \(5 tables, \d+ rows\)\n$/)
    const files = await foldFiles(url, join(cwd, 'changes'))
    expect(files).toMatchObject({ differing: 0, repeated: 0 })
  },
)
