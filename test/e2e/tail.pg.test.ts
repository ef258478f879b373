/** A look at a live database shows what happens there, and leaves nothing behind, whatever becomes of it. */
import { spawn } from 'node:child_process'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'
import { followPrimary } from '../standby.ts'

type Line = {
  op: string
  table: string
  key: Record<string, unknown> | null
  oldKey?: Record<string, unknown>
  after: Record<string, unknown> | null
  prefix?: string
}

/** The whole lines: what follows the last line break is still on its way. */
const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)

describe.each(testedMajors([14, 18]))('Postgres %i', (major) => {
  let server: PostgresServer
  let database: string
  const sql = (text: string) => server.query(text, [], database)
  const url = (user = 'postgres') => server.url(database).replace('//postgres@', `//${user}@`)

  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(async () => server.stop())
  beforeEach(async () => {
    database = await server.createDatabase('tail')
    await sql('CREATE TABLE users (id int PRIMARY KEY, name text); CREATE TABLE logs (line text)')
  })

  /** A look that has begun. */
  async function look(args: readonly string[] = [], user?: string) {
    const child = startMillrace(['tail', url(user), ...args])
    await until(() => child.output.stderr.includes('tail-started') || child.child.exitCode !== null)
    expect(child.output.stderr).toContain('tail-started')
    const shown = (text: string) => until(() => child.output.stdout.includes(text), 30_000, `a line with ${text}`)
    const end = () => {
      child.child.kill('SIGINT')
      return child.finished
    }
    return { ...child, shown, end, lines: () => linesOf(child.output.stdout) }
  }

  const publications = async () =>
    (await sql(`SELECT pubname FROM pg_publication WHERE pubname LIKE 'millrace_tail%' ORDER BY 1`)).rows.map(
      (row) => row.pubname as string,
    )
  const slots = async () =>
    (await sql(`SELECT slot_name FROM pg_replication_slots WHERE database = '${database}'`)).rows.map((row) => row.slot_name as string)

  test('shows every kind of change as it commits, and removes what it made at Ctrl-C', async () => {
    const child = await look()
    await sql(`INSERT INTO users VALUES (1, 'Ada'); UPDATE users SET name = 'Eve'; UPDATE users SET id = 2; DELETE FROM users`)
    await sql('TRUNCATE users')
    await sql(`SELECT pg_logical_emit_message(true, 'app', 'end')`)
    await child.shown('"message"')
    expect(child.lines().map(({ op }) => op)).toEqual(['insert', 'update', 'update', 'delete', 'truncate', 'message'])
    expect(child.lines()[2]).toMatchObject({ key: { id: 2 }, oldKey: { id: 1 }, after: { id: 2, name: 'Eve' } })
    expect(await slots()).toHaveLength(1)
    expect(await child.end()).toMatchObject({ code: 0 })
    expect(await slots()).toEqual([])
    expect(await publications()).toEqual([])
  })

  test('shows only the tables, kinds and number of lines asked for', async () => {
    const child = await look(['users', '--op', 'insert,delete', '--limit', '3'])
    await sql(`INSERT INTO logs VALUES ('x'); INSERT INTO users VALUES (1, 'a'); UPDATE users SET name = 'b'; DELETE FROM users`)
    await sql(`SELECT pg_logical_emit_message(true, 'app', 'x'); INSERT INTO users VALUES (2, 'a'), (3, 'b')`)
    expect(await child.finished).toMatchObject({ code: 0 })
    expect(child.lines().map(({ op, key }) => [op, key])).toEqual([
      ['insert', { id: 1 }],
      ['delete', { id: 1 }],
      ['insert', { id: 2 }],
    ])
  })

  test('the rows that are there and the changes beside them make the table, while it is written to', async () => {
    await sql(`INSERT INTO users SELECT g, 'name ' || g || repeat('x', 200) FROM generate_series(1, 20000) g`)
    const writer = await server.connect(database)
    let isWriting = true
    const writing = (async () => {
      for (let round = 1; isWriting; round++) {
        const id = (round * 7919) % 20000
        await writer.query(
          `UPDATE users SET name = 'round ${round}' WHERE id = ${id}; DELETE FROM users WHERE id = ${id + 1}; INSERT INTO users VALUES (${20000 + round}, 'new')`,
        )
      }
      await writer.end()
    })()
    const child = await look(['users', '--snapshot'])
    await until(() => child.output.stdout.split('"op":"read"').length > 15_000, 30_000, 'most rows')
    isWriting = false
    await writing
    await sql(`INSERT INTO users VALUES (-1, 'last')`)
    await until(() => child.lines().length > 19_000 && child.output.stdout.includes('"id":-1'))
    await until(() => fold(child.lines()).size >= 1)
    const { rows } = await sql('SELECT id, name FROM users')
    const expected = new Map(rows.map(({ id, name }) => [`{"id":${id}}`, { id, name }]))
    await until(() => fold(child.lines()).size === expected.size, 30_000, 'as many rows as there are')
    expect(fold(child.lines())).toEqual(expected)
    expect(child.lines().some(({ op }) => op === 'update')).toBe(true)
    expect(await child.end()).toMatchObject({ code: 0 })
  })

  test('ends by itself once what is there is shown', async () => {
    await sql(`INSERT INTO users SELECT g, 'n' FROM generate_series(1, 10) g`)
    const done = await millrace(['tail', url(), '--snapshot', '--until', 'caught-up'])
    expect(done.code, done.stderr).toBe(0)
    expect(linesOf(done.stdout).map(({ op }) => op)).toEqual(Array.from({ length: 10 }, () => 'read'))
    expect(await publications()).toEqual([])
  })

  test('killed, it leaves no slot; its publication is swept by the next look, and never that of a living one', async () => {
    const killed = await look()
    const [left] = await publications()
    killed.child.kill('SIGKILL')
    await killed.finished
    await until(async () => (await slots()).length === 0)
    expect(await publications()).toContain(left)

    const living = await look()
    const afterFirst = await publications()
    expect(afterFirst).not.toContain(left)
    expect(afterFirst).toHaveLength(2)
    const other = await look()
    expect(other.output.stderr).not.toContain(`${afterFirst[0]}`)
    expect(await publications()).toEqual(expect.arrayContaining([...afterFirst]))
    expect(await other.end()).toMatchObject({ code: 0 })
    expect(await publications()).toEqual(afterFirst)

    await sql(`INSERT INTO users VALUES (1, 'still')`)
    await living.shown('still')
    expect(await living.end()).toMatchObject({ code: 0 })
    expect(await publications()).toEqual([])
  })

  test('a publication is held by its lock alone before its slot is there, and by its slot alone once the lock is lost', async () => {
    const name = 'millrace_tail_0123456789'
    await sql(`CREATE PUBLICATION ${name}; COMMENT ON PUBLICATION ${name} IS 'millrace:tail:0123456789'`)
    await sql(`CREATE PUBLICATION millrace_tail_99999aaaaa; COMMENT ON PUBLICATION millrace_tail_99999aaaaa IS 'millrace:tail_99999aaaaa'`)
    const holder = await server.connect(database)
    await holder.query(`SELECT pg_advisory_lock(1414090060, hashtext('${name}'))`)
    const sweep = () => millrace(['tail', url(), 'users', '--until', '0/1'])
    expect((await sweep()).code).toBe(0)
    expect(await publications()).toContain(name)
    await sql(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`)
    await holder.end()
    expect((await sweep()).code).toBe(0)
    expect(await publications()).toContain(name)
    await sql(`SELECT pg_drop_replication_slot('${name}')`)
    expect((await sweep()).code).toBe(0)
    // The other is a pipeline's, by its comment.
    expect(await publications()).toEqual(['millrace_tail_99999aaaaa'])
  })

  test('Ctrl-C while it waits for a transaction of another leaves nothing either', async () => {
    const other = await server.connect(database)
    await other.query(`BEGIN; INSERT INTO users VALUES (1, 'open')`)
    const child = startMillrace(['tail', url()])
    await until(() => child.output.stderr.includes('tail-waiting') || child.child.exitCode !== null)
    expect(child.output.stderr).toMatch(/making the slot waits for process \d+/)
    expect(await publications()).toHaveLength(2)
    child.child.kill('SIGINT')
    expect(await child.finished).toMatchObject({ code: 0, stdout: '' })
    expect(await publications()).toEqual([])
    expect(await slots()).toEqual([])
    await other.end()
  })

  test('a table without a key can be written to as before, and shows its inserts', async () => {
    await sql(`CREATE TABLE closed (id int PRIMARY KEY, name text); ALTER TABLE closed REPLICA IDENTITY NOTHING`)
    const child = await look()
    expect(child.output.stderr).toMatch(/of public\.logs no update or delete is shown/)
    expect(child.output.stderr).toMatch(/Not shown: public\.closed/)
    await sql(`INSERT INTO logs VALUES ('one'); UPDATE logs SET line = 'two'; DELETE FROM logs; INSERT INTO logs VALUES ('three')`)
    await sql(`INSERT INTO closed VALUES (1, 'a'); UPDATE closed SET name = 'b'; DELETE FROM closed`)
    await child.shown('three')
    expect(child.lines().map(({ op, table, after }) => [op, table, after])).toEqual([
      ['insert', 'public.logs', { line: 'one' }],
      ['insert', 'public.logs', { line: 'three' }],
    ])
    await child.end()
    const named = await millrace(['tail', url(), 'public.closed'])
    expect(named.code).toBe(1)
    expect(named.stderr).toContain('TABLE_IDENTITY_NOTHING')
    expect(await publications()).toEqual([])
  })

  test('a reader that has enough ends it quietly, and nothing stays', async () => {
    const command = `"$0" "$1" tail "$2" users | head -1`
    const script = new URL('../../src/cli/millrace.ts', import.meta.url).pathname
    const shell = spawn('bash', ['-o', 'pipefail', '-c', command, process.execPath, script, url()], { stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
    const ended = new Promise<number | null>((resolve) => shell.on('close', resolve))
    await until(() => output.stderr.includes('tail-started'))
    let id = 0
    await until(async () => {
      await sql(`INSERT INTO users VALUES (${++id}, 'x')`)
      return shell.exitCode !== null
    })
    expect(await ended).toBe(0)
    expect(linesOf(output.stdout)).toHaveLength(1)
    expect(output.stderr).not.toMatch(/error|EPIPE/i)
    expect(await publications()).toEqual([])
    expect(await slots()).toEqual([])
  })

  test('goes through a publication that covers what is asked, leaves it as it is, and needs no right to make one', async () => {
    await sql(
      `CREATE PUBLICATION wide FOR ALL TABLES; CREATE PUBLICATION narrow FOR TABLE users; CREATE PUBLICATION half FOR TABLE users, logs WITH (publish = 'insert')`,
    )
    const role = `looker_${database}`
    await sql(`CREATE ROLE ${role} LOGIN REPLICATION`)
    const child = await look(['users'], role)
    expect(child.output.stderr).toContain('Looking through the publication narrow.')
    await sql(`INSERT INTO users VALUES (1, 'seen')`)
    await child.shown('seen')
    expect(await child.end()).toMatchObject({ code: 0 })
    const whole = await look([], role)
    expect(whole.output.stderr).toContain('Looking through the publication wide.')
    await whole.end()
    const inserts = await look(['logs', '--op', 'insert'], role)
    expect(inserts.output.stderr).toContain('Looking through the publication half.')
    await inserts.end()
    await sql('DROP PUBLICATION wide')
    const refused = await millrace(['tail', url(role)])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('TAIL_PUBLICATION')
    expect(refused.stderr).toMatch(/GRANT CREATE ON DATABASE .*--publication \(there are (half, narrow|narrow, half)\)/)
    const named = await millrace(['tail', url(role), '--publication', 'half', '--until', '0/1', '--log', 'pretty'])
    expect(named).toMatchObject({ code: 0, stderr: expect.stringContaining('half sends no update, no delete, no truncate.') })
    await sql(`DROP PUBLICATION narrow; DROP PUBLICATION half; DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })

  test('says so when the publication it looks through is taken away', async () => {
    await sql('CREATE PUBLICATION lent FOR ALL TABLES')
    const child = await look(['--publication', 'lent'])
    await sql('DROP PUBLICATION lent')
    await sql(`INSERT INTO users VALUES (1, 'x')`)
    expect(await child.finished).toMatchObject({ code: 1, stderr: expect.stringContaining('TAIL_PUBLICATION_MISSING') })
  })

  test('each mistake is one error with its remedy, and makes nothing', async () => {
    const said = async (args: readonly string[], code: string, words: RegExp, exit = 1) => {
      const run = await millrace(['tail', ...args])
      expect(run.stderr).toContain(code)
      expect(run.stderr).toMatch(words)
      expect(run.stderr).not.toMatch(/\n\s+at /)
      expect(run).toMatchObject({ code: exit, stdout: '' })
    }
    await said([url(), 'usres'], 'TAIL_TABLE_MISSING', /usres \(did you mean public\.users\?\)/)
    await said([url(), 'sales.*'], 'TAIL_TABLE_MISSING', /No table matches sales\.\*/)
    await said([url(), '--publication', 'nope'], 'TAIL_PUBLICATION_MISSING', /There is no publication nope/)
    await said([url(), '--op', 'updte'], 'CLI_USAGE', /did you mean update\?/, 2)
    await said([url(), '--format', 'nativ'], 'CLI_USAGE', /did you mean native\?/, 2)
    await said([url(), '--limit', '0'], 'CLI_USAGE', /whole number/, 2)
    await said([], 'CLI_USAGE', /name the database by its URL/, 2)
    await said(['mysql://x/y'], 'SOURCE_URL_INVALID', /postgres:\/\//, 2)
    await said(['postgres://postgres@127.0.0.1:1/x'], 'SOURCE_UNREACHABLE', /Check host/)
    await said([server.url('nowhere_at_all')], 'SOURCE_DATABASE_MISSING', /nowhere_at_all/)
    expect(await publications()).toEqual([])
  })
})

test('where the server cannot be looked at, it says what to set; where it goes away, that the look is over', async () => {
  await using server = await startPostgres(18, { wal_level: 'replica' })
  await server.query('CREATE TABLE users (id int PRIMARY KEY)')
  expect(await millrace(['tail', server.url()])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/WAL_LEVEL[\s\S]*wal_level = logical/),
  })
  await server.query(`ALTER SYSTEM SET wal_level = logical`)
  await server.query(`ALTER SYSTEM SET max_replication_slots = 1`)
  await server.halt()
  await server.start()
  await server.query(`SELECT pg_create_logical_replication_slot('taken', 'pgoutput')`)
  const none = await millrace(['tail', server.url()])
  expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/SLOTS_EXHAUSTED[\s\S]*max_replication_slots/) })
  expect((await server.query('SELECT 1 FROM pg_publication')).rowCount).toBe(0)
  await server.query(`SELECT pg_drop_replication_slot('taken')`)

  const child = startMillrace(['tail', server.url()])
  await until(() => child.output.stderr.includes('tail-started'))
  await server.halt()
  expect(await child.finished).toMatchObject({ code: 1, stderr: expect.stringContaining('TAIL_LOST') })
  await server.start()
})

test('on a standby it goes through a publication of the primary, and says what cannot be had there', async () => {
  await using primary = await startPostgres(17)
  await using standby = await startPostgres(17)
  await primary.query('CREATE TABLE users (id int PRIMARY KEY, name text)')
  await followPrimary(standby, primary)
  const refused = await millrace(['tail', standby.url()])
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/TAIL_PUBLICATION[\s\S]*CREATE PUBLICATION on the primary/) })
  const copied = await millrace(['tail', standby.url(), '--snapshot'])
  expect(copied).toMatchObject({ code: 1, stderr: expect.stringContaining('TAIL_STANDBY') })

  await primary.query('CREATE PUBLICATION looking FOR TABLE users')
  await until(async () => (await standby.query('SELECT 1 FROM pg_publication')).rowCount === 1)
  const child = startMillrace(['tail', standby.url()])
  await until(async () => {
    // The slot waits for the primary to log what is running there.
    await primary.query('SELECT pg_log_standby_snapshot()')
    return child.output.stderr.includes('tail-started') || child.child.exitCode !== null
  })
  await primary.query(`INSERT INTO users VALUES (1, 'from afar')`)
  await until(() => child.output.stdout.includes('from afar') || child.child.exitCode !== null)
  child.child.kill('SIGINT')
  const done = await child.finished
  expect(done).toMatchObject({ code: 0 })
  expect(linesOf(done.stdout)).toMatchObject([{ op: 'insert', after: { id: 1, name: 'from afar' } }])
  expect((await standby.query('SELECT 1 FROM pg_replication_slots')).rowCount).toBe(0)
})

/** Each line put on the rows before it, as a reader would. */
function fold(lines: readonly Line[]): Map<string, unknown> {
  const rows = new Map<string, unknown>()
  for (const { op, key, oldKey, after } of lines) {
    if (oldKey) rows.delete(JSON.stringify(oldKey))
    if (op === 'delete') rows.delete(JSON.stringify(key))
    else rows.set(JSON.stringify(key), after)
  }
  return rows
}
