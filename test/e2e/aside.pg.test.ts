/** Two sinks, one of them down for a while: the other goes on, the slot moves, and it gets everything later, over kills. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { startReceiver } from '../../src/sinks/http/receiver.fixture.ts'
import type { StatusReport } from '../../src/cli/status-report.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

test(
  'an endpoint that is down holds up neither DuckDB nor the slot, over kills; back again, it gets each change, those of a key in order',
  { timeout: 240_000 },
  async () => {
    const database = await server.createDatabase('aside')
    const sql = (text: string) => server.query(text, [], database)
    await sql('CREATE TABLE prices (id int PRIMARY KEY, version int); INSERT INTO prices SELECT g, 1 FROM generate_series(1, 500) g')
    let isDown = false
    const versions = new Map<number, number>()
    const faults: string[] = []
    await using receiver = await startReceiver({
      answer({ body }) {
        if (isDown) return { status: 503 }
        for (const { value } of JSON.parse(body) as { value: { op: string; after: { id: number; version: number } } }[]) {
          const { id, version } = value.after
          const last = versions.get(id) ?? 0
          // At least once: what comes again is not newer than what came.
          if (version > last + 1) faults.push(`version ${version} of ${id} after ${last}`)
          versions.set(id, Math.max(last, version))
        }
        return { status: 204 }
      },
    })
    const cwd = folderWith({
      'shop.yaml': `name: aside
source: { type: postgres, url: "${server.url(database)}" }
spool: { patience: 1s }
sinks: [{ type: duckdb, path: lake.duckdb }, { type: http, url: "${receiver.url}" }]
`,
    })
    const spool = join(cwd, '.millrace', 'aside.spool', 'http')
    const status = async () => JSON.parse((await millrace(['status', '-c', 'shop.yaml', '--json'], { cwd })).stdout) as StatusReport
    const { lsn } = (await sql('SELECT 1, pg_current_wal_lsn() AS lsn')).rows[0] as { lsn: string }
    expect(lsn).toBeTruthy()
    expect(await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd })).toMatchObject({ code: 0 })
    expect(versions.size).toBe(500)

    isDown = true
    for (const round of [1, 2, 3]) {
      const run = startMillrace(['run', '-c', 'shop.yaml'], { cwd })
      await sql('UPDATE prices SET version = version + 1')
      await sql('UPDATE prices SET version = version + 1 WHERE id <= 50')
      const { head } = (await sql('SELECT pg_current_wal_lsn() AS head')).rows[0] as { head: string }
      const isPast = async () => {
        const { rows } = await sql(
          `SELECT confirmed_flush_lsn >= '${head}' AS past FROM pg_replication_slots WHERE slot_name = 'millrace_aside'`,
        )
        return rows[0]?.past === true
      }
      await until(isPast, 60_000, `the slot past round ${round}`)
      const { sinks } = await status()
      expect(sinks.find(({ name }) => name === 'http')).toMatchObject({ state: 'spooling' })
      expect(sinks.find(({ name }) => name === 'duckdb')).toMatchObject({ state: 'direct', lagBytes: 0 })
      run.child.kill('SIGKILL')
      await run.finished
    }
    expect([...versions.values()].every((version) => version === 1)).toBe(true)

    isDown = false
    const last = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd })
    expect(last.code, last.stderr).toBe(0)
    expect(faults).toEqual([])
    const { rows } = await sql('SELECT id, version FROM prices')
    expect(Object.fromEntries(versions)).toEqual(Object.fromEntries(rows.map(({ id, version }) => [id, version])))
    expect(existsSync(spool)).toBe(false)
    expect(await millrace(['verify', '-c', 'shop.yaml', '--sink', 'duckdb'], { cwd })).toMatchObject({ code: 0 })
  },
)
