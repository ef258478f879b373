import { setTimeout as passed } from 'node:timers/promises'
import { expect } from 'vitest'
import { loadShop, NEW_COLUMN, startWriters } from '../../demo/shop.ts'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import type { Store } from '../../src/sinks/parquet/store.ts'
import { until, type PostgresServer } from '../servers.ts'
import { foldLake } from './fold-lake.ts'

/** A rewriting change of type, a rename, a drop: of columns that the writers leave alone. */
const RESHAPE = `ALTER TABLE orders ALTER coupon TYPE text USING 'code ' || coupon; ALTER TABLE customers RENAME born TO birthday; ALTER TABLE products DROP warranty`

export type KillLake = {
  server: PostgresServer
  kills: number
  /** The sink's own part of the configuration, in YAML's flow form. */
  sink: string
  /** Where it writes, for a run in this folder. */
  openStore(cwd: string): Promise<Store>
}

/**
 * Runs a pipeline of a shop under load into Parquet and kills it again and again, with the schema changed meanwhile; then lets it
 * catch up, and replays what lies there.
 */
export async function killLake({ server, kills, sink, openStore }: KillLake): Promise<void> {
  const database = await server.createDatabase('lake')
  const configuration = `name: shop\nsource: { type: postgres, url: "\${env:SHOP_URL}" }\nsnapshot: { chunkSize: 256kB, parallel: 3 }\nsinks: [{ type: parquet, rollAfter: 300ms, rollSize: 100kB, ${sink} }]\n`
  const cwd = folderWith({ 'shop.yaml': configuration })
  const url = server.url(database)
  const env = { SHOP_URL: url }
  const admin = await server.connect(database)
  await loadShop(admin)
  await admin.end()
  const writers = startWriters(() => server.connect(database), 2)
  for (let round = 0; round < kills; round++) {
    const run = startMillrace(['run', '-c', 'shop.yaml'], { cwd, env })
    await until(() => run.output.stderr.includes('"started"') || run.child.exitCode !== null, 60_000, 'the start')
    expect(run.child.exitCode, run.output.stderr).toBeNull()
    if (round === Math.floor(kills / 3)) await server.query(NEW_COLUMN, [], database)
    if (round === Math.floor((kills * 2) / 3)) await server.query(RESHAPE, [], database)
    // Where the kill falls is chance; that is the point.
    await passed(50 + ((round * 7919) % 13) * 100)
    run.child.kill('SIGKILL')
    await run.finished
  }
  await writers.stop()
  const last = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd, env })
  expect(last.code, last.stderr).toBe(0)

  await using store = await openStore(cwd)
  const folded = await foldLake(url, store)
  expect(folded.lines).toBeGreaterThan(100)
  expect(folded).toMatchObject({ differing: [], repeated: 0 })
}
