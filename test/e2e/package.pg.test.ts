/** The package as users get it: packed, installed into an empty project, run by npx and imported. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ERRORS } from '../../src/errors/table.ts'
import { startPostgres, type PostgresServer } from '../servers.ts'
import { installPackage, programsOf, run, versionOf, writePrograms, type Project } from './package.fixture.ts'

let server: PostgresServer
let project: Project
let database: string

beforeAll(async () => {
  server = await startPostgres(18)
  project = await installPackage()
  database = await server.createDatabase('shop')
  const sql = 'CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users SELECT i, i FROM generate_series(1, 300) i'
  await server.query(sql, [], database)
}, 120_000)
afterAll(async () => server.stop())

test('holds what runs and what is read, and nothing of the workshop', () => {
  const folders = new Set(project.packed.map((path) => path.split('/')[0]))
  expect([...folders].filter((name) => name !== 'docs').sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json'])
  expect(project.packed.filter((path) => /\.(test|fixture)\.|\.map$/.test(path))).toEqual([])
})

test('npx millrace runs it', async () => {
  expect(await project.npx(['version'])).toMatchObject({ status: 0, stdout: 'millrace 0.1.0\n' })
  const copied = await project.npx(['run', server.url(database), 'file:./out', 'parquet:./lake', '--until', 'caught-up', '--json'])
  expect(copied.status, copied.stderr).toBe(0)
  expect(JSON.parse(copied.stdout)).toMatchObject({
    end: 'caught-up',
    rows: 300,
    tables: 1,
    sinks: [{ name: 'file', type: 'file', where: 'out', query: 'tail -n 1 out/public.users/*.ndjson' }, { where: 'lake' }],
  })
  const shown = await run('sh', ['-c', JSON.parse(copied.stdout).sinks[0].query], { cwd: project.folder })
  expect(JSON.parse(shown.stdout)).toMatchObject({ op: 'read', table: 'public.users' })
  expect(readdirSync(join(project.folder, 'lake/public.users/snapshot'))).toHaveLength(1)
})

test('S3 without its library says how to get it, before anything is made', async () => {
  const other = await server.createDatabase('s3')
  await server.query('CREATE TABLE users (id int PRIMARY KEY)', [], other)
  const missing = await project.npx(['run', server.url(other), 'parquet:s3://lake/shop', '--until', 'caught-up'])
  expect(missing.status).not.toBe(0)
  expect(missing.stderr).toContain(`npm install @aws-sdk/client-s3@${versionOf('@aws-sdk/client-s3')}`)
  expect((await server.query('SELECT 1 FROM pg_replication_slots WHERE database = $1', [other])).rowCount).toBe(0)
})

test('a sink whose library is not there says how to get it, and works once it is', { timeout: 120_000 }, async () => {
  const other = await server.createDatabase('peer')
  await server.query('CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)', [], other)
  const args = ['run', server.url(other), 'duckdb:./shop.duckdb', '--until', 'caught-up', '--json']
  const missing = await project.npx(args)
  const install = `npm install @duckdb/node-api@${versionOf('@duckdb/node-api')}`
  expect(missing.status).not.toBe(0)
  expect(missing.stderr).toContain(install)
  expect(missing.stderr).toContain('SINK_')
  expect((await server.query('SELECT 1 FROM pg_replication_slots WHERE database = $1', [other])).rowCount).toBe(0)
  expect(await project.npm(...install.split(' ').slice(1))).toMatchObject({ status: 0 })
  const copied = await project.npx(args)
  expect(copied.status, copied.stderr).toBe(0)
  expect(JSON.parse(copied.stdout)).toMatchObject({ rows: 2, sinks: [{ where: 'shop.duckdb' }] })
  expect((await project.npx(['verify', server.url(other), 'duckdb:./shop.duckdb'])).stdout).toContain('verified: source = sink (1 table')
})

test('the programs of the library guide compile strictly against the published types; the first copies a database', async () => {
  const programs = programsOf('docs/guides/library.md')
  expect(programs[0]?.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(12)
  expect(await project.npm('install', '--save-dev', `@types/node@${versionOf('@types/node')}`)).toMatchObject({ status: 0 })
  writePrograms(project.folder, programs)
  const checked = await project.tsc()
  expect(checked.stdout).toBe('')
  expect(checked.status).toBe(0)
  const ran = await project.node('program-0.ts', { DATABASE_URL: server.url(database) })
  expect(ran.status, ran.stderr).toBe(0)
  expect(ran.stderr).toBe('')
  expect(ran.stdout).toMatch(/\nsnapshot-done\n[\s\S]*\n300 rows copied, 0 changes followed, durable up to [0-9A-F]{16}\n$/)
  expect(readdirSync(join(project.folder, 'changes'))).toEqual(['public.users'])
  expect(await project.node(`program-${programs.length - 1}.ts`)).toMatchObject({ status: 0, stdout: 'function function\n', stderr: '' })
})

test('an old Node is told so in plain words', async () => {
  const old = await oldNode()
  if (old === null) return
  const told = await run(old, [join(project.folder, 'node_modules', '.bin', 'millrace'), 'version'], { cwd: project.folder })
  expect(told).toMatchObject({ status: 2, stdout: '' })
  expect(told.stderr).toContain('error: Millrace needs Node 22.18 or newer; this is ')
  expect(told.stderr).toContain(ERRORS.NODE_TOO_OLD.hint)
})

/** The machine's own Node, where it is too old. */
async function oldNode(): Promise<string | null> {
  for (const path of ['/usr/bin/node', '/usr/local/bin/node']) {
    if (!existsSync(path)) continue
    const { stdout } = await run(path, ['-p', 'process.versions.node'], { cwd: project.folder })
    const [major = 0, minor = 0] = stdout.split('.').map(Number)
    if (major < 22 || (major === 22 && minor < 18)) return path
  }
  return null
}
