/** Partitions that take their rows away and bring others, which the log does not tell: what the sinks hold follows. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'

const CONFIGURATION = `name: parts
source: { type: postgres, url: "\${env:PARTS_URL}", tables: [public.part] }
sinks: [{ type: duckdb, path: ./parts.duckdb }]
`

const TABLE = `CREATE TABLE part (id int, y int, PRIMARY KEY (id, y)) PARTITION BY LIST (y);
  CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1); CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
  CREATE TABLE part_3 PARTITION OF part FOR VALUES IN (3); CREATE TABLE part_4 (LIKE part INCLUDING ALL);
  INSERT INTO part SELECT id, 1 + id % 3 FROM generate_series(1, 3000) id; INSERT INTO part_4 SELECT id, 4 FROM generate_series(1, 500) id`

const MOVES = ['DETACH PARTITION part_1', 'ATTACH PARTITION part_4 FOR VALUES IN (4)'].map((move) => `ALTER TABLE part ${move}`)

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

test('rows of partitions detached, attached and truncated while running leave and reach the sinks', { timeout: 90_000 }, async () => {
  const database = await server.createDatabase('parts')
  await server.query(TABLE, [], database)
  const cwd = folderWith({ 'parts.yaml': CONFIGURATION })
  const env = { PARTS_URL: server.url(database) }
  const verified = async () => (await millrace(['verify', '-c', 'parts.yaml'], { cwd, env })).stdout
  const run = startMillrace(['run', '-c', 'parts.yaml'], { cwd, env })
  await until(() => run.output.stderr.includes('"started"'), 20_000, 'the start')
  await until(async () => (await verified()).includes('source = sink (1 tables, 3000 rows)'), 20_000, 'the copy')

  for (const move of [...MOVES, 'TRUNCATE part_2']) await server.query(move, [], database)
  await until(async () => (await verified()).includes('source = sink (1 tables, 1500 rows)'), 40_000, 'the rows of the partitions that are')
  run.child.kill('SIGTERM')
  await run.finished
  expect(run.output.stderr).not.toContain('"level":"error"')
})
