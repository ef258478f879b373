/** Every command of the README does what the README says. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace, ROOT } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, type PostgresServer } from '../servers.ts'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const blocks = [...readme.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, language = '', text = '']) => ({ language, text }))
const commands = blocks
  .filter(({ language }) => language === '' || language === 'sh')
  .flatMap(({ text }) => text.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, '').trim())
  .filter((line) => /^(npm|millrace|node_modules)/.test(line))
  .map((line) => line.replace(/postgres:\S+/, 'URL'))

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(18)))
afterAll(async () => server.stop())

test('the commands of the README are these, so that a new one gets a test', () => {
  expect(commands).toEqual([
    'npm run demo',
    'npm test',
    'npm ci && npm run build',
    'node_modules/.bin/node dist/cli/main.js run URL duckdb:./shop.duckdb file:./changes',
    'millrace init   URL',
    'millrace check  -c millrace.yaml',
    'millrace run    -c millrace.yaml',
    'millrace status -c millrace.yaml',
    'millrace verify -c millrace.yaml',
    'millrace drop   -c millrace.yaml',
    'millrace tail   URL',
    'millrace snapshot URL parquet:./lake',
  ])
})

test('the configuration of the README works with each command that it is given to', async () => {
  const database = await server.createDatabase('readme')
  await server.query(
    'CREATE TABLE orders (id int PRIMARY KEY, total numeric(10,2)); INSERT INTO orders SELECT g, g FROM generate_series(1, 50) g',
    [],
    database,
  )
  const yaml = blocks.find(({ language }) => language === 'yaml')?.text ?? ''
  const cwd = folderWith({ 'millrace.yaml': yaml })
  const at = { cwd, env: { DATABASE_URL: server.url(database) } }
  const run = async (line: string, ...more: string[]) => {
    expect(commands).toContain(line)
    return millrace([...line.split(/\s+/).slice(1), ...more], at)
  }
  expect(await run('millrace check  -c millrace.yaml')).toMatchObject({ code: 0 })
  expect(await run('millrace run    -c millrace.yaml', '--until', 'caught-up')).toMatchObject({ code: 0 })
  const status = await run('millrace status -c millrace.yaml')
  expect(status.code, status.stderr).toBe(0)
  expect((await run('millrace verify -c millrace.yaml')).stdout).toMatch(/verified: source = sink \(1 tables?, 50 rows\)\n$/)
  expect(existsSync(join(cwd, 'shop.duckdb'))).toBe(true)
  expect(await run('millrace drop   -c millrace.yaml', '--yes')).toMatchObject({ code: 0 })
})

test('init writes a configuration, as the README says, that check finds nothing wrong with', async () => {
  const database = await server.createDatabase('readme')
  await server.query('CREATE TABLE orders (id int PRIMARY KEY)', [], database)
  const cwd = folderWith({})
  expect(commands).toContain('millrace init   URL')
  const written = await millrace(['init', server.url(database)], { cwd })
  expect(written.code, written.stderr).toBe(0)
  const checked = await millrace(['check', '-c', 'millrace.yaml'], { cwd, env: { DATABASE_URL: server.url(database) } })
  expect(checked.code, checked.stdout + checked.stderr).toBe(0)
})

test('source and sinks on the command line work as the README writes them', async () => {
  const database = await server.createDatabase('readme')
  await server.query('CREATE TABLE orders (id int PRIMARY KEY)', [], database)
  const cwd = folderWith({})
  expect(
    await millrace(['run', server.url(database), 'duckdb:./shop.duckdb', 'file:./changes', '--until', 'caught-up'], { cwd }),
  ).toMatchObject({ code: 0 })
})

test('a look at what changes, and an archive, work as the README writes them, and make nothing in the database', async () => {
  const database = await server.createDatabase('readme')
  await server.query('CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2)', [], database)
  const cwd = folderWith({})
  const run = async (line: string, ...more: string[]) => {
    expect(commands).toContain(line)
    return millrace([...line.replace('URL', server.url(database)).split(/\s+/).slice(1), ...more], { cwd })
  }
  const looked = await run('millrace tail   URL', '--snapshot', '--until', 'caught-up')
  expect(looked.code, looked.stderr).toBe(0)
  expect(looked.stdout.match(/"op":"read"/g)).toHaveLength(2)
  const archived = await run('millrace snapshot URL parquet:./lake')
  expect(archived.code, archived.stderr).toBe(0)
  expect(readdirSync(join(cwd, 'lake'))).not.toEqual([])
  const left = `SELECT slot_name FROM pg_replication_slots WHERE database = current_database() UNION ALL SELECT pubname FROM pg_publication`
  expect((await server.query(left, [], database)).rows).toEqual([])
})

test('the demo ends with its verdict', { timeout: 180_000 }, () => {
  const demo = spawnSync('npm', ['run', '--silent', 'demo'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, MILLRACE_TEST_DIR: '' },
  })
  expect(demo.stdout, demo.stderr).toMatch(/verified: source = sink \(5 tables, \d+ rows\)\n$/)
  expect(demo.status).toBe(0)
})
