import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../test/servers.ts'
import { folderWith, millrace, startMillrace } from './run-cli.fixture.ts'

// A test starts up to eight processes: on a busy machine each takes seconds.
vi.setConfig({ testTimeout: 180_000 })

describe.each(testedMajors())('Postgres %i', (major) => {
  let server: PostgresServer
  let database: string
  let cwd: string
  const sql = (text: string) => server.query(text, [], database)
  const config = (name: string) => `name: ${name}
source: { type: postgres, url: "\${env:SHOP_URL}" }
sinks:
  - { type: duckdb, path: ./shop.duckdb }
  - { type: file, path: ./changes }
`
  const env = () => ({ SHOP_URL: server.url(database) })
  const run = (args: readonly string[]) => millrace(args, { cwd, env: env() })
  /** A run that goes on after it has said this. */
  async function startRun(args: readonly string[] = [], said = '"snapshot-done"') {
    const child = startMillrace(['run', '-c', 'shop.yaml', ...args], { cwd, env: env() })
    await until(async () => child.output.stderr.includes(said) || (child.child.exitCode !== null && fail(child.output.stderr)))
    return child
  }

  async function statusOf(sink: string): Promise<{ lagBytes: number | null }> {
    const report = JSON.parse((await run(['status', '-c', 'shop.yaml', '--json'])).stdout)
    return report.sinks.find(({ name }: { name: string }) => name === sink)
  }

  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(async () => server.stop())
  beforeEach(async () => {
    database = await server.createDatabase('cli')
    cwd = folderWith({ 'shop.yaml': config(database) })
    await sql(
      'CREATE TABLE users (id int PRIMARY KEY, name text, balance numeric(10,2)); CREATE TABLE tags (a int, b text, PRIMARY KEY (a, b))',
    )
    await sql(
      `INSERT INTO users SELECT i, 'name ' || i, i FROM generate_series(1, 500) i; INSERT INTO tags SELECT i, 'b' || i FROM generate_series(1, 50) i`,
    )
  })

  test('copies, verifies, finds a row that was tampered with, and drops what it made', async () => {
    expect(await run(['run', '-c', 'shop.yaml', '--until', 'caught-up'])).toMatchObject({ code: 0, stdout: '' })
    const verified = await run(['verify', '-c', 'shop.yaml'])
    expect(verified.stdout).toContain('file: cannot be read back, not compared')
    expect(verified.stdout).toMatch(/verified: source = sink \(2 tables, 550 rows\)\n$/)
    expect(verified.code).toBe(0)

    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(join(cwd, 'shop.duckdb'))
    const connection = await instance.connect()
    await connection.run(`UPDATE public.users SET name = 'x' WHERE id = 7; DELETE FROM public.users WHERE id = 8`)
    connection.closeSync()
    instance.closeSync()
    const differing = await run(['verify', '-c', 'shop.yaml', '--table', 'users', '--json'])
    expect(differing.code).toBe(1)
    const report = JSON.parse(differing.stdout)
    expect(report).toMatchObject({ ok: false, live: false, tables: 1, unreadable: ['file'] })
    expect(report.sinks[0].tables[0]).toMatchObject({ table: 'public.users', rows: { source: 500, sink: 499 } })
    expect(report.sinks[0].tables[0].differing).toEqual([
      { key: { id: '7' }, what: 'different' },
      { key: { id: '8' }, what: 'missing' },
    ])

    const dropped = await run(['drop', '-c', 'shop.yaml', '--yes'])
    expect(dropped).toMatchObject({ code: 0, stderr: '' })
    expect(dropped.stdout).toContain('Data in sinks stays')
    expect((await sql('SELECT 1 FROM pg_publication')).rowCount).toBe(0)
    expect((await server.query(`SELECT 1 FROM pg_replication_slots WHERE database = '${database}'`)).rowCount).toBe(0)
    expect(existsSync(join(cwd, 'shop.duckdb'))).toBe(true)
    expect(readdirSync(join(cwd, '.millrace'))).toEqual([])
  })

  test('answers status and verify while it runs, lets no second one in, and drains at SIGTERM', async () => {
    const { child, finished } = await startRun()
    await sql(`UPDATE users SET balance = balance + 1; DELETE FROM users WHERE id = 9`)
    const verified = await run(['verify', '-c', 'shop.yaml', '--json'])
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, live: true, tables: 2, rows: 549, unreadable: ['file'] })
    const status = JSON.parse((await run(['status', '-c', 'shop.yaml', '--json'])).stdout)
    expect(status).toMatchObject({ pipeline: database, pid: child.pid, source: { slot: { active: true, state: 'ok' } } })
    expect(status.sinks.map((sink: { name: string }) => sink.name)).toEqual(['duckdb', 'file'])
    expect(status.tables).toContainEqual({ table: 'public.users', snapshot: 'done' })

    const second = await run(['run', '-c', 'shop.yaml'])
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(new RegExp(`error: The pipeline ${database} is already running \\(process ${child.pid}\\)`))
    expect((await run(['drop', '-c', 'shop.yaml', '--yes'])).stderr).toContain('PIPELINE_RUNNING')

    const idler = startMillrace(['run', '-c', 'shop.yaml', '--wait'], { cwd, env: env() })
    await until(() => idler.output.stderr.includes('"standing-by"'))
    idler.child.kill('SIGTERM')
    expect(await idler.finished).toMatchObject({ code: 0, stdout: '' })

    child.kill('SIGTERM')
    const end = await finished
    expect(end).toMatchObject({ code: 0, stdout: '' })
    const summary = end.stderr
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .find((line) => line.msg === 'summary')
    expect(summary).toMatchObject({ end: 'drained', rows: 550, tables: 2, operations: { update: 500, delete: 1, insert: 0 } })
    expect(summary.sinks).toMatchObject([
      { name: 'duckdb', where: 'shop.duckdb', query: 'duckdb shop.duckdb "SELECT * FROM public.users LIMIT 10"' },
      { name: 'file', where: 'changes', query: 'tail -n 1 changes/public.users/*.ndjson' },
    ])
    expect(end.stderr).toContain(`millrace drop -c shop.yaml`)
    const idle = await run(['status', '-c', 'shop.yaml'])
    expect(idle.stdout).toMatch(/WARNING: The slot of .* nobody reads it. To remove it: millrace drop -c shop.yaml/)
  })

  test('verify ends under steady load, also with rows that change all the time', async () => {
    const { child, finished } = await startRun()
    let isOver = false
    const load = (async () => {
      for (let i = 0; !isOver; i++)
        await sql(`UPDATE users SET balance = balance + 1 WHERE id <= 3; UPDATE users SET name = 'n${i}' WHERE id = ${(i % 400) + 10}`)
    })()
    const verified = await run(['verify', '-c', 'shop.yaml', '--json'])
    isOver = true
    await load
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, live: true, tables: 2, unreadable: ['file'] })
    child.kill('SIGTERM')
    expect((await finished).code).toBe(0)
    expect(await run(['run', '-c', 'shop.yaml', '--until', 'caught-up'])).toMatchObject({ code: 0 })
    expect((await run(['verify', '-c', 'shop.yaml'])).stdout).toContain('verified: source = sink')
  })

  test('verify while it runs takes tables as they are now', async () => {
    const { child, finished } = await startRun()
    await sql(`ALTER TABLE users ADD COLUMN note text; UPDATE users SET note = 'x' WHERE id < 100; ALTER TABLE tags RENAME TO labels`)
    await sql(
      `ALTER TABLE users DROP COLUMN name; ALTER TABLE users RENAME COLUMN balance TO money; UPDATE users SET money = 1 WHERE id = 1`,
    )
    const verified = JSON.parse((await run(['verify', '-c', 'shop.yaml', '--json'])).stdout)
    expect(verified).toMatchObject({ ok: true, live: true, tables: 2, rows: 550 })
    expect(verified.sinks[0].tables.map(({ table }: { table: string }) => table)).toEqual(['public.labels', 'public.users'])
    child.kill('SIGTERM')
    expect((await finished).code).toBe(0)
  })

  test('says which transaction the making of the slot waits for, also to who asks', async () => {
    const { Client } = await import('pg').then((module) => module.default)
    const other = new Client(server.url(database))
    await other.connect()
    await other.query('BEGIN; CREATE TABLE open_for_long (id int)')
    const { pid } = (await other.query('SELECT pg_backend_pid() AS pid')).rows[0]
    const { child, finished } = await startRun([], '"waiting"')
    const words = `making the slot waits for process ${pid}, open for`
    await until(async () => (await run(['status', '-c', 'shop.yaml'])).stdout.includes(words))
    const status = JSON.parse((await run(['status', '-c', 'shop.yaml', '--json'])).stdout)
    expect(status).toMatchObject({ pid: child.pid, phase: { phase: 'waiting' }, source: { error: null } })
    await other.query('COMMIT')
    await other.end()
    await until(async () => (await statusOf('file')).lagBytes === 0)
    expect(JSON.parse((await run(['status', '-c', 'shop.yaml', '--json'])).stdout).phase).toBeNull()
    child.kill('SIGTERM')
    expect((await finished).code).toBe(0)
  })

  test('goes on after kill -9 without a change lost or doubled, and one that stands by takes over', async () => {
    const { child, finished } = await startRun()
    await sql(`INSERT INTO users SELECT i, 'later', 0 FROM generate_series(1001, 1500) i`)
    const heir = startMillrace(['run', '-c', 'shop.yaml', '--wait', '--until', 'caught-up'], { cwd, env: env() })
    await until(() => heir.output.stderr.includes('"standing-by"'))
    child.kill('SIGKILL')
    await finished
    await sql(`UPDATE users SET name = 'after' WHERE id > 1400`)
    expect((await heir.finished).code).toBe(0)
    expect(await run(['run', '-c', 'shop.yaml', '--until', 'caught-up'])).toMatchObject({ code: 0 })
    expect((await run(['verify', '-c', 'shop.yaml'])).stdout).toContain('verified: source = sink (2 tables, 1050 rows)')
    const lines = readdirSync(join(cwd, 'changes/public.users')).flatMap((name) =>
      readFileSync(join(cwd, 'changes/public.users', name), 'utf8')
        .trim()
        .split('\n'),
    )
    const changes = lines.map((line) => JSON.parse(line)).filter((change) => change.op !== 'read')
    expect(new Set(changes.map(({ position, ordinal }) => `${position}:${ordinal}`)).size).toBe(changes.length)
    expect(changes).toHaveLength(600)
  })

  test('a run of one sink takes nothing from the other', async () => {
    expect(await run(['run', '-c', 'shop.yaml', '--until', 'caught-up'])).toMatchObject({ code: 0 })
    await sql(`UPDATE users SET name = 'while duckdb was away'`)
    const { child, finished } = await startRun(['--sink', 'file'], '"started"')
    for (const round of [1, 2, 3]) {
      await sql(`UPDATE users SET name = 'round ${round}'`)
      await until(async () => (await statusOf('file')).lagBytes === 0)
    }
    child.kill('SIGTERM')
    expect((await finished).code).toBe(0)
    expect((await run(['verify', '-c', 'shop.yaml'])).code).toBe(1)
    expect(await run(['run', '-c', 'shop.yaml', '--until', 'caught-up'])).toMatchObject({ code: 0 })
    expect((await run(['verify', '-c', 'shop.yaml'])).stdout).toContain('verified: source = sink')
  })

  test('a second signal ends at once with 143, and the next run loses nothing', async () => {
    const { child, finished } = await startRun()
    await sql(`INSERT INTO users SELECT i, repeat('x', 500), 0 FROM generate_series(1001, 21000) i`)
    child.kill('SIGTERM')
    child.kill('SIGTERM')
    expect([0, 143]).toContain((await finished).code)
    expect(await run(['run', '-c', 'shop.yaml', '--until', 'caught-up'])).toMatchObject({ code: 0 })
    expect((await run(['verify', '-c', 'shop.yaml'])).stdout).toContain('verified: source = sink')
  })

  test('writes changes to stdout and nothing else there', async () => {
    const url = server.url(database)
    const result = await millrace(['run', url, 'stdout:', '--until', 'caught-up', '--log', 'pretty'], { cwd })
    expect(result.code).toBe(0)
    const lines = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(550)
    expect(result.stderr).toMatch(/Caught up: 550 rows copied/)
    const both = await millrace(['run', url, 'stdout:', '--json', '--log', 'json'], { cwd })
    expect(both.code).toBe(2)
    expect(both.stderr).toContain('--json prints the summary on standard output')
    expect((await millrace(['verify', url, 'stdout:'], { cwd })).stderr).toContain('NOTHING_TO_VERIFY')
    await millrace(['drop', url, 'stdout:', '--yes'], { cwd })
  })
})

function fail(text: string): never {
  throw new Error(`The run ended:\n${text}`)
}
