/** The guides "Write a sink" and "Write a format": their files compile, their suites pass, and the installed package runs them over a real database. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, type PostgresServer } from '../servers.ts'
import { installPackage, versionOf, type Project } from './package.fixture.ts'

let server: PostgresServer
let project: Project

beforeAll(async () => {
  server = await startPostgres(18)
  project = await installPackage()
  const files = [...filesOf('docs/guides/write-a-sink.md'), ...filesOf('docs/guides/write-a-format.md')]
  expect(files.map(([name]) => name)).toEqual([
    'my-sink.ts',
    'my-sink.test.ts',
    'millrace.yaml',
    'audit-format.ts',
    'audit-format.test.ts',
    'audit.yaml',
  ])
  for (const [name, text] of files) writeFileSync(join(project.folder, name), text)
}, 240_000)
afterAll(async () => server.stop())

/** The blocks of a guide that name a file. */
function filesOf(guide: string): [name: string, text: string][] {
  const text = readFileSync(join(ROOT, guide), 'utf8')
  return [...text.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```/gm)].map(([, name = '', body = '']) => [name, body])
}

async function shop(name: string): Promise<{ env: Record<string, string>; sql(text: string): Promise<unknown> }> {
  const database = await server.createDatabase(name)
  const sql = (text: string) => server.query(text, [], database)
  await sql('CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users SELECT i, i FROM generate_series(1, 30) i')
  return { env: { DATABASE_URL: server.url(database) }, sql }
}

const linesIn = (path: string) =>
  readFileSync(join(project.folder, path), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

test('they compile strictly against the published types', { timeout: 120_000 }, async () => {
  expect(await project.npm('install', '--save-dev', `@types/node@${versionOf('@types/node')}`)).toMatchObject({ status: 0 })
  const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, allowImportingTsExtensions: true }
  const compilerOptions = { module: 'nodenext', target: 'es2023', noEmit: true, types: ['node'], erasableSyntaxOnly: true, ...strict }
  writeFileSync(join(project.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  const checked = await project.tsc()
  expect(checked.stdout).toBe('')
})

test.each(['my-sink.test.ts', 'audit-format.test.ts'])('the suite of %s passes', { timeout: 120_000 }, async (file) => {
  const { status, stdout } = await project.node(file)
  expect(status, stdout).toBe(0)
  expect(stdout).not.toMatch(/^not ok/m)
  expect(Number(/(?:pass|passed) (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(10)
})

test('the sink runs by its path: a copy, then changes, each with its id', { timeout: 120_000 }, async () => {
  const { env, sql } = await shop('shop')
  expect(await project.npx(['check', '-c', 'millrace.yaml'], env)).toMatchObject({ status: 0 })
  const run = ['run', '-c', 'millrace.yaml', '--until', 'caught-up', '--json']
  const copied = await project.npx(run, env)
  expect(copied.status, copied.stderr).toBe(0)
  expect(JSON.parse(copied.stdout)).toMatchObject({ rows: 30, sinks: [{ name: 'my-sink', type: 'lines' }] })
  await sql(`UPDATE users SET name = 'Ada' WHERE id = 1; DELETE FROM users WHERE id = 2`)
  expect(await project.npx(run, env)).toMatchObject({ status: 0 })
  const messages = linesIn('out.ndjson')
  expect(messages).toHaveLength(32)
  expect(new Set(messages.map(({ id }) => id)).size).toBe(32)
  expect(messages.slice(-2).map(({ value }) => JSON.parse(value as string).op)).toEqual(['update', 'delete'])
})

test('what is wrong with its options, or its module, is told as of ours', { timeout: 120_000 }, async () => {
  const config = (type: string, options = '') =>
    `name: x\nsource: { type: postgres, url: postgres://localhost/x }\nsinks: [{ type: ${type}${options} }]\n`
  const told = async (text: string) => {
    writeFileSync(join(project.folder, 'wrong.yaml'), text)
    return project.npx(['config', 'validate', '-c', 'wrong.yaml'])
  }
  expect(await told(config('./my-sink.ts', ', paht: x'))).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('did you mean path?'),
  })
  expect(await told(config('./none.ts'))).toMatchObject({ status: 2, stderr: expect.stringContaining('SINK_MODULE_MISSING') })
  expect(await told(config('./audit-format.ts'))).toMatchObject({ status: 2, stderr: expect.stringContaining('SINK_MODULE_SHAPE') })
  expect(await told(config('./my-sink.ts', ', path: x'))).toMatchObject({ status: 0 })
})

test('the sink runs as a package, by its name', { timeout: 120_000 }, async () => {
  const { env } = await shop('packed')
  const folder = join(project.folder, 'node_modules/millrace-lines')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "millrace-lines", "version": "1.0.0", "type": "module", "exports": { "import": "./index.js" } }',
  )
  writeFileSync(join(folder, 'index.js'), stripTypeScriptTypes(readFileSync(join(project.folder, 'my-sink.ts'), 'utf8')))
  const yaml = readFileSync(join(project.folder, 'millrace.yaml'), 'utf8')
  writeFileSync(
    join(project.folder, 'packed.yaml'),
    yaml.replace('shop', 'packed').replace('./my-sink.ts', 'millrace-lines').replace('out', 'packed'),
  )
  const copied = await project.npx(['run', '-c', 'packed.yaml', '--until', 'caught-up', '--json'], env)
  expect(copied.status, copied.stderr).toBe(0)
  expect(JSON.parse(copied.stdout)).toMatchObject({ rows: 30, sinks: [{ name: 'millrace-lines', type: 'lines' }] })
  expect(linesIn('packed.ndjson')).toHaveLength(30)
})

test('the format runs by its path, in a sink of ours', { timeout: 120_000 }, async () => {
  const { env } = await shop('audited')
  const copied = await project.npx(['run', '-c', 'audit.yaml', '--until', 'caught-up'], env)
  expect(copied.status, copied.stderr).toBe(0)
  const [segment] = readdirSync(join(project.folder, 'audit/public.users'))
  expect(linesIn(`audit/public.users/${segment}`)).toHaveLength(30)
  expect(linesIn(`audit/public.users/${segment}`)[0]).toEqual({
    system: 'web shop',
    op: 'read',
    table: 'public.users',
    row: { id: 1, name: '1' },
  })
})
