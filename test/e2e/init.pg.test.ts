/** A configuration written by looking at a database is one that every other command takes, and holds no secret. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Ajv from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { folderWith, millrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

/** What a child must not take from whoever runs the tests. */
const NO_DATABASE = { DATABASE_URL: '', PGHOST: '', PGDATABASE: '', PGSERVICE: '' }

async function shop() {
  const database = await server.createDatabase('init')
  await server.query(
    `CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users SELECT g, g::text FROM generate_series(1, 10) g;
     CREATE TABLE keyless (a int); CREATE SCHEMA crm; CREATE TABLE crm."odd [na]me: x" (id int PRIMARY KEY);
     CREATE TABLE crm.tags (a int NOT NULL UNIQUE)`,
    [],
    database,
  )
  return { database, url: server.url(database).replace('postgres@', 'postgres:s3cret@') }
}

const read = (cwd: string, name = 'millrace.yaml') => readFileSync(join(cwd, name), 'utf8')

test.each(['duckdb', 'file', 'stdout'])(
  'what it writes for %s is valid, passes check and runs, with the URL from the environment',
  async (sink) => {
    const { database, url } = await shop()
    const cwd = folderWith({})
    const made = await millrace(['init', url, '--sink', sink], { cwd, env: NO_DATABASE })
    expect(made.code, made.stderr).toBe(0)
    expect(made.stdout).toContain("export DATABASE_URL='…'")
    expect(made.stdout).toContain('Left out, each with what helps beside it: crm.tags, public.keyless.')
    const text = read(cwd)
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.millrace\/config\.schema\.json\n/)
    expect(text).toContain('ALTER TABLE "public"."keyless" ADD PRIMARY KEY')
    expect(text).toContain('ALTER TABLE "crm"."tags" REPLICA IDENTITY USING INDEX "tags_a_key"')
    expect(parse(text)).toMatchObject({
      name: database,
      source: { url: '${env:DATABASE_URL}', tables: ['crm.*', 'public.*', '!crm.tags', '!public.keyless'] },
      sinks: [{ type: sink }],
    })
    expect(text + made.stdout + made.stderr).not.toContain('s3cret')
    const at = { cwd, env: { DATABASE_URL: url } }
    expect(await millrace(['config', 'validate'], at)).toMatchObject({ code: 0 })
    const checked = await millrace(['check'], at)
    expect(checked.code, checked.stdout).toBe(0)
    const ran = await millrace(['run', '--until', 'caught-up'], at)
    expect(ran.code, ran.stderr).toBe(0)
    expect(await millrace(['drop', '--yes'], at)).toMatchObject({ code: 0 })
  },
)

test('editors complete from a schema that lies beside it and that it keeps', async () => {
  const { url } = await shop()
  const cwd = folderWith({})
  await millrace(['init', url], { cwd, env: NO_DATABASE })
  const [, path = ''] = /\$schema=(\S+)/.exec(read(cwd)) ?? []
  const validate = new Ajv.default({ strict: false, validateFormats: false }).compile(JSON.parse(read(cwd, path)) as object)
  expect(validate(parse(read(cwd))), JSON.stringify(validate.errors)).toBe(true)
  expect(validate({ ...(parse(read(cwd)) as object), bacth: {} })).toBe(false)
})

test('the URL may come from DATABASE_URL or from the PG* variables, and then nothing needs to be set', async () => {
  const { database, url } = await shop()
  const cwd = folderWith({})
  const byUrl = await millrace(['init'], { cwd, env: { ...NO_DATABASE, DATABASE_URL: url } })
  expect(byUrl.code, byUrl.stderr).toBe(0)
  expect(byUrl.stdout).not.toContain('export')
  const env = { ...NO_DATABASE, PGHOST: '127.0.0.1', PGPORT: String(server.port), PGUSER: 'postgres', PGDATABASE: database }
  const byParts = await millrace(['init', '--output', 'parts.yaml'], { cwd, env })
  expect(byParts.code, byParts.stderr).toBe(0)
  expect((parse(read(cwd, 'parts.yaml')) as { source: object }).source).not.toHaveProperty('url')
  expect(await millrace(['check', '-c', 'parts.yaml'], { cwd, env })).toMatchObject({ code: 0 })
})

test('it writes over nothing unless told to, and nothing at all where it cannot go on', async () => {
  const { url } = await shop()
  const cwd = folderWith({ 'millrace.yaml': 'mine\n' })
  const refused = async (args: readonly string[], code: string) => {
    const made = await millrace(['init', ...args, '--yes'], { cwd, env: NO_DATABASE })
    expect(made.stderr).toContain(`code  ${code}`)
    expect(made.stderr + made.stdout).not.toContain('s3cret')
    return made
  }
  expect((await refused([url], 'INIT_EXISTS')).code).toBe(2)
  await refused(['--output', 'new.yaml'], 'CLI_USAGE')
  expect((await refused([url, '--output', 'new.yaml', '--sink', 'duckbd'], 'CLI_USAGE')).stderr).toContain('did you mean duckdb?')
  await refused(['postgres://u:s3cret@127.0.0.1:1/x', '--output', 'new.yaml'], 'SOURCE_UNREACHABLE')
  await refused([server.url(await server.createDatabase('empty')), '--output', 'new.yaml'], 'INIT_NO_TABLES')
  mkdirSync(join(cwd, 'folder'))
  writeFileSync(join(cwd, 'folder', '.millrace'), 'a file where a folder should be')
  await refused([url, '--output', 'folder/new.yaml'], 'INIT_UNWRITABLE')
  expect(read(cwd)).toBe('mine\n')
  expect([existsSync(join(cwd, 'new.yaml')), existsSync(join(cwd, '.millrace'))]).toEqual([false, false])
  expect(await millrace(['init', url, '--force'], { cwd, env: NO_DATABASE })).toMatchObject({ code: 0 })
  expect(read(cwd)).toContain('sinks:')
})
