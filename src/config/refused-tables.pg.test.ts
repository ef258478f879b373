import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../test/servers.ts'
import { folderWith, millrace } from '../cli/run-cli.fixture.ts'

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors().at(-1) ?? 18)))
afterAll(async () => server.stop())

test('a table that a sink can never hold is found by check, and by run before anything is made', async () => {
  const database = await server.createDatabase('refused')
  await server.query('CREATE TABLE people (id int PRIMARY KEY, name text, "Name" text)', [], database)
  const cwd = folderWith({
    'shop.yaml': `name: ${database}
source: { type: postgres, url: "${server.url(database)}" }
sinks: [{ type: duckdb, path: ./shop.duckdb }]
`,
  })
  const checked = await millrace(['check', '-c', 'shop.yaml', '--json'], { cwd, env: {} })
  expect(checked.code).toBe(1)
  expect(JSON.parse(checked.stdout).findings).toContainEqual(expect.objectContaining({ code: 'SINK_NAME_CLASH', subject: 'sink duckdb' }))
  const run = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd, env: {} })
  expect(run.code).toBe(1)
  expect(run.stderr).toContain('SINK_NAME_CLASH')
  const made = `SELECT (SELECT count(*) FROM pg_publication)::int + (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())::int AS count`
  expect(await server.query(made, [], database)).toMatchObject({ rows: [{ count: 0 }] })
  expect(existsSync(join(cwd, 'shop.duckdb'))).toBe(false)
})
