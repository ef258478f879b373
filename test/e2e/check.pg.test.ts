/** `check` names everything that keeps a pipeline from running, with the statement that mends it: the statements are run here. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../../src/contracts/definition.ts'
import { folderWith, millrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'

let server: PostgresServer
let count = 0
beforeAll(async () => {
  server = await startPostgres(testedMajors()[0])
  await server.query('CREATE ROLE shop_owner')
})
afterAll(async () => server.stop())

/** A database of the owner's, and somebody who owns nothing. */
async function world(setup: string, options: { source?: string; on?: PostgresServer } = {}) {
  const on = options.on ?? server
  const database = await on.createDatabase('check')
  const role = `stranger_${++count}`
  const sql = (text: string) => on.query(text, [], database)
  await sql(`CREATE ROLE ${role} LOGIN; ${setup}`)
  const cwd = folderWith({
    'millrace.yaml': `name: ${database}\nsource: { type: postgres, url: "\${env:DATABASE_URL}"${options.source ?? ''} }\nsinks: [{ type: discard }]\n`,
  })
  const check = async (as = role) => {
    const run = await millrace(['check', '--json'], { cwd, env: { DATABASE_URL: on.url(database).replace('postgres@', `${as}@`) } })
    expect(run.stdout, run.stderr).toMatch(/^\{/)
    const { ok, findings } = JSON.parse(run.stdout) as { ok: boolean; findings: Finding[] }
    expect(run.code).toBe(ok ? 0 : 1)
    return { ok, findings, errors: findings.filter(({ severity }) => severity === 'error') }
  }
  return { database, role, sql, cwd, check, url: on.url(database) }
}

const codes = (findings: readonly Finding[]) => findings.map(({ code }) => code).sort()

/** The statements of a hint, as somebody would copy them. */
function statementsOf({ hint }: Finding): string {
  const [first = ''] = (hint ?? '').split('\n')
  return first
    .replace(/^Run /, '')
    .replace('; and for tables made later', ';')
    .replace(/ \(as its owner\).*| \(as a superuser\).*|, or .*|; on Amazon RDS .*/, '')
    .replace(/\.$/, '')
}

test('what a stranger lacks is granted by the statements that check prints, and nothing else is needed', async () => {
  const tables = ['a', 'b', 'c', '"order"'].map(
    (name) => `CREATE TABLE public.${name} (id int PRIMARY KEY); ALTER TABLE public.${name} OWNER TO shop_owner`,
  )
  const { role, sql, check } = await world(
    `${tables.join('; ')}; CREATE SCHEMA crm; CREATE TABLE crm."Odd" (id int PRIMARY KEY); ALTER TABLE crm."Odd" OWNER TO shop_owner`,
  )
  const { errors } = await check()
  expect(codes(errors)).toEqual(['RIGHT_PUBLICATION', 'RIGHT_REPLICATION', 'RIGHT_TABLE', 'RIGHT_TABLE'])
  expect(errors.every(({ hint }) => hint?.includes(role))).toBe(true)
  for (const error of errors) await sql(statementsOf(error))
  const mended = await check()
  expect(mended.errors).toEqual([])
})

test("the owner's way: the CREATE PUBLICATION that check prints is enough for a role that may only read and replicate", async () => {
  const { database, role, sql, check, cwd, url } = await world(
    `CREATE TABLE a (id int PRIMARY KEY, note text, secret text); CREATE TABLE b (id int PRIMARY KEY); ALTER TABLE a OWNER TO shop_owner; ALTER TABLE b OWNER TO shop_owner`,
  )
  await sql(`ALTER ROLE ${role} REPLICATION; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`)
  const { errors } = await check()
  expect(codes(errors)).toEqual(['RIGHT_PUBLICATION'])
  expect(errors[0]?.hint).toContain(`GRANT CREATE ON DATABASE "${database}" TO "shop_owner"`)
  const statement = errors[0]?.hint?.split('\n').at(-1) ?? ''
  await sql(`GRANT CREATE ON DATABASE ${database} TO shop_owner; SET ROLE shop_owner; ${statement}`)
  const mended = await check()
  expect(mended.errors).toEqual([])
  expect(codes(mended.findings)).toContain('PUBLICATION_FOREIGN')
  const env = { DATABASE_URL: url.replace('postgres@', `${role}@`) }
  const run = await millrace(['run', '--until', 'caught-up'], { cwd, env })
  expect(run.code, run.stderr).toBe(0)
  expect(await millrace(['drop', '--yes'], { cwd, env })).toMatchObject({ code: 0 })
})

test('each table without a key is told with an ALTER that works: an index that is there, or the identity', async () => {
  const { sql, check } = await world(
    `CREATE TABLE fine (id int PRIMARY KEY); CREATE TABLE "by index" (a int NOT NULL, b text, UNIQUE (a)); CREATE TABLE nullable (a int UNIQUE);
     CREATE TABLE mute (id int PRIMARY KEY); ALTER TABLE mute REPLICA IDENTITY NOTHING`,
  )
  const { errors, findings } = await check('postgres')
  expect(codes(errors)).toEqual(['TABLE_IDENTITY_NOTHING', 'TABLE_KEYLESS', 'TABLE_KEYLESS'])
  const hintOf = (subject: string) => errors.find((error) => error.subject === subject)?.hint ?? ''
  expect(hintOf('public.by index')).toContain('ALTER TABLE "public"."by index" REPLICA IDENTITY USING INDEX "by index_a_key"')
  expect(hintOf('public.nullable')).toContain('ADD PRIMARY KEY')
  expect(findings.find(({ subject }) => subject === 'public.fine')).toMatchObject({ code: 'TABLE_OK', message: 'public.fine: key (id)' })
  for (const statement of [
    ...errors.flatMap(
      ({ hint }) => /ALTER TABLE \S+(?: \w+")? REPLICA IDENTITY (?:FULL|DEFAULT|USING INDEX "[^"]+")/.exec(hint ?? '') ?? [],
    ),
  ])
    await sql(statement)
  expect((await check('postgres')).errors).toEqual([])
})

test('what never arrives, or otherwise than expected, is said and stops nothing', async () => {
  const { check, sql } = await world(
    `CREATE UNLOGGED TABLE cache (id int PRIMARY KEY); CREATE TABLE docs (id int PRIMARY KEY, body text, twice int GENERATED ALWAYS AS (id * 2) STORED, at point);
     CREATE VIEW report AS SELECT 1 AS x; CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9);
     CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY`,
    { source: ', tables: ["public.*"]' },
  )
  await sql(`ALTER TABLE docs ALTER body SET STORAGE EXTERNAL; INSERT INTO docs VALUES (1, repeat('x', 10000))`)
  const { findings, ok } = await check('postgres')
  expect(ok).toBe(true)
  const about = (code: string) => findings.find((finding) => finding.code === code)
  expect(about('TABLE_UNLOGGED')).toMatchObject({
    severity: 'warning',
    subject: 'public.cache',
    hint: expect.stringContaining('"public"."cache" SET LOGGED'),
  })
  expect(about('GENERATED_COLUMNS')?.message).toContain('public.docs.twice')
  expect(about('TYPE_AS_TEXT')?.message).toContain('point (public.docs.at)')
  expect(about('TOAST_UNCHANGED')?.message).toContain('public.docs (body)')
  expect(about('NOT_A_TABLE')?.message).toContain('public.report (a view)')
  expect(about('ROW_SECURITY')?.message).toContain('public.hidden')
  expect(findings.find(({ subject }) => subject === 'public.parts')?.message).toContain('1 partition followed through it')
  expect(about('VERSION')?.message).toContain(process.versions.node)
})

test('row-level security that would hide rows from the copy is an error, which BYPASSRLS mends', async () => {
  const { role, sql, check } = await world(
    'CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; CREATE TABLE open (id int PRIMARY KEY)',
  )
  await sql(
    `ALTER ROLE ${role} REPLICATION; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}; CREATE PUBLICATION theirs FOR ALL TABLES`,
  )
  const rights = async () => (await check()).errors.filter(({ code }) => code === 'RIGHT_TABLE')
  expect(await rights()).toMatchObject([{ subject: 'public.hidden', hint: expect.stringContaining(`ALTER ROLE "${role}" BYPASSRLS`) }])
  await sql(`ALTER ROLE ${role} BYPASSRLS`)
  expect(await rights()).toEqual([])
})

test("somebody else's publication: all that it lacks, with the ALTER, and what it sends beyond", async () => {
  const { sql, check, database } = await world(
    'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY)',
    {
      source: ', publication: theirs, tables: [public.a, public.b]',
    },
  )
  await sql("CREATE PUBLICATION theirs FOR TABLE a, c WITH (publish = 'insert')")
  const { errors, findings } = await check('postgres')
  expect(codes(errors)).toEqual(['PUBLICATION_MISMATCH', 'PUBLICATION_OPERATIONS'])
  expect(findings.find(({ code }) => code === 'PUBLICATION_EXTRA')?.message).toContain('public.c')
  for (const error of errors) await sql(statementsOf(error))
  expect((await check('postgres')).errors, database).toEqual([])
})

test.skipIf((testedMajors()[0] ?? 18) < 15)(
  'a row filter is asked of the server, and one past the identity is refused, before anything is made',
  async () => {
    const filter = (text: string) => ({ source: `, tables: [public.a], where: { public.a: ${JSON.stringify(text)} }` })
    const setup = 'CREATE TABLE a (id int PRIMARY KEY, note text)'
    const errorsOf = async (text: string) => (await (await world(setup, filter(text))).check('postgres')).errors
    expect(await errorsOf('id > 5')).toEqual([])
    expect(codes(await errorsOf('nope > 5'))).toEqual(['WHERE_INVALID'])
    expect(codes(await errorsOf('true); DROP TABLE public.a; SELECT (1'))).toEqual(['WHERE_INVALID'])
    expect(await errorsOf("note <> 'id'")).toMatchObject([{ code: 'WHERE_BREAKS_UPDATES', message: expect.stringContaining('note') }])
  },
)

test('settings that shorten the life of a pipeline, and slots of others that keep log', async () => {
  const on = await startPostgres(18, { max_slot_wal_keep_size: '64MB', wal_sender_timeout: '2s', idle_replication_slot_timeout: '5min' })
  await using _server = on
  const { check, database } = await world('CREATE TABLE a (id int PRIMARY KEY)', { on })
  await on.query(`SELECT pg_create_logical_replication_slot('left_behind', 'pgoutput')`, [], database)
  const { findings, ok } = await check('postgres')
  expect(ok).toBe(true)
  const warned = findings.filter(({ severity }) => severity === 'warning')
  expect(codes(warned)).toEqual(['IDLE_SLOT_TIMEOUT', 'SENDER_TIMEOUT', 'SLOT_BOUND'])
  expect(warned.every(({ hint }) => hint?.includes('ALTER SYSTEM'))).toBe(true)
  expect(findings.find(({ code }) => code === 'SLOT_IDLE_OTHER')?.hint).toContain("pg_drop_replication_slot('left_behind')")
  expect(findings.find(({ subject }) => subject === 'max_replication_slots')?.message).toMatch(/^max_replication_slots: 1 of 60 in use/)
})

test('for people: by part, marks and words, each remedy behind an arrow, no colours where none are wanted', async () => {
  const { cwd, url } = await world('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE keyless (a int)')
  const run = await millrace(['check'], { cwd: join(cwd), env: { DATABASE_URL: url } })
  expect(run.code).toBe(1)
  expect(run.stdout).toMatch(/^Server\n {2}✓ Postgres \d+/)
  expect(run.stdout).toMatch(
    /\nTables\n {2}✓ public\.a: key \(id\)\n {2}✗ error: The table public\.keyless [\s\S]*\[TABLE_KEYLESS\]\n {4}→ Run ALTER TABLE/,
  )
  expect(run.stdout).toMatch(/\nNot ready: 1 error, \d warnings?\./)
  expect(run.stdout).not.toContain('\u001b')
  const quiet = await millrace(['check', '--quiet'], { cwd, env: { DATABASE_URL: url } })
  expect(quiet.stdout).not.toContain('✓')
  expect(quiet.stdout).toContain('TABLE_KEYLESS')
})
