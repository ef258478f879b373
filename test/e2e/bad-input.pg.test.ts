/** Each mistake and each mishap ends in one clear error with its code and remedy, no stack trace, nothing lost. */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect as dial, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { folderWith, millrace, ROOT, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { ERRORS, type ErrorCode } from '../../src/errors/table.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'

// Dozens of processes, five at a time: on a busy machine each has little of it.
vi.setConfig({ testTimeout: 180_000 })

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

const RUN = ['run', '-c', 'millrace.yaml', '--log', 'json']
const DUCKDB = '{ type: duckdb, path: ./shop.duckdb }'
/** For tests that a superuser would pass: somebody who owns nothing. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

/** A database of its own with a table `users` of 100 rows, and the configuration of a pipeline on it. */
async function shop(on: PostgresServer = server) {
  const database = await on.createDatabase('bad')
  const sql = (text: string) => on.query(text, [], database)
  await sql('CREATE TABLE users (id int PRIMARY KEY, name text, age int DEFAULT 7)')
  await sql('INSERT INTO users SELECT g, g::text FROM generate_series(1, 100) g')
  const source = (more = '', url = on.url(database)) => `{ type: postgres, url: "${url}"${more} }`
  const configuration = (options: { source?: string; sink?: string } = {}) =>
    `name: ${database}\nsource: ${options.source ?? source()}\nsinks:\n  - ${options.sink ?? '{ type: discard }'}\n`
  return { database, sql, source, configuration, url: on.url(database) }
}

/** Runs it to its end; it must fail with this code, say what helps, and show no stack and no secret. */
async function expectRefused(
  code: ErrorCode,
  text: string,
  options: { cwd?: string; env?: Record<string, string>; uid?: number | undefined } = {},
) {
  const cwd = options.cwd ?? folderWith({})
  writeFileSync(join(cwd, 'millrace.yaml'), text)
  const run = await millrace([...RUN, '--until', 'caught-up'], { ...options, cwd })
  const said = JSON.parse(
    run.stderr
      .trim()
      .split('\n')
      .findLast((line) => line.includes('"code"')) ?? '{}',
  ) as Record<string, string>
  expect(said, run.stderr).toMatchObject({ code })
  expect(said.hint?.length).toBeGreaterThan(10)
  expect(said.docs).toContain(code.toLowerCase())
  expect(said.message).not.toMatch(/[{}]/)
  expect(run.stderr).not.toMatch(/\n\s+at /)
  expect(run.stderr).not.toContain('s3cret')
  expect(run.code).toBe(ERRORS[code].kind === 'config' ? 2 : 1)
  return said
}

/** A pipeline that runs on; ended in order when it is left. */
async function running(cwd: string) {
  const run = startMillrace(RUN, { cwd })
  await until(() => run.output.stderr.includes('"snapshot-done"') || run.child.exitCode !== null, 30_000, 'the copy')
  expect(run.child.exitCode, run.output.stderr).toBeNull()
  const stop = async () => {
    run.child.kill('SIGTERM')
    expect((await run.finished).code).toBe(0)
  }
  return { ...run, stop }
}

/** Runs until caught up, then verifies. */
async function expectMended(cwd: string, rows: number, ...args: string[]) {
  const run = await millrace([...RUN, '--until', 'caught-up', ...args], { cwd })
  expect(run.code, run.stderr).toBe(0)
  await expectVerified(cwd, rows)
}

async function expectVerified(cwd: string, rows: number) {
  const verified = await millrace(['verify', '-c', 'millrace.yaml'], { cwd })
  expect(verified.stdout, verified.stderr).toContain(`verified: source = sink (1 tables, ${rows} rows)\n`)
}

describe.concurrent('the database', () => {
  test('a wrong password', async () => {
    const { database, source, configuration } = await shop()
    await server.query(`CREATE ROLE guarded LOGIN PASSWORD 'right' REPLICATION`)
    const rules = ['all guarded 127.0.0.1/32 scram-sha-256', 'all all 127.0.0.1/32 trust', 'replication all 127.0.0.1/32 trust']
    writeFileSync(join(server.dataDir, 'pg_hba.conf'), rules.map((rule) => `host ${rule}\n`).join(''))
    await server.query('SELECT pg_reload_conf()')
    const url = server.url(database).replace('postgres@', 'guarded:s3cret@')
    await expectRefused('SOURCE_AUTH', configuration({ source: source('', url) }))
  })

  test('a host that cannot be reached fails after its ten seconds', async () => {
    const { configuration, source } = await shop()
    await expectRefused('SOURCE_UNREACHABLE', configuration({ source: source('', 'postgres://u:s3cret@127.0.0.1:1/x') }))
  })

  test('a database that is not there, and a table that is not', async () => {
    const { configuration, source } = await shop()
    await expectRefused('SOURCE_DATABASE_MISSING', configuration({ source: source('', server.url('nowhere')) }))
    await expectRefused('TABLE_MISSING', configuration({ source: source(', tables: ["public.user"]') }))
  })

  test('tables whose own writes would break are refused, each with the ALTER that helps, and nothing is published', async () => {
    const { configuration, source, sql } = await shop()
    await sql('CREATE TABLE keyless (a int); CREATE TABLE mute (id int PRIMARY KEY); ALTER TABLE mute REPLICA IDENTITY NOTHING')
    await sql('CREATE TABLE whole (id int PRIMARY KEY, a int, b int); ALTER TABLE whole REPLICA IDENTITY FULL')
    const of = (table: string, more = '') => configuration({ source: source(`, tables: ["public.${table}"]${more}`) })
    expect((await expectRefused('TABLE_KEYLESS', of('keyless'))).hint).toContain('ALTER TABLE')
    expect((await expectRefused('TABLE_IDENTITY_NOTHING', of('mute'))).hint).toContain('REPLICA IDENTITY DEFAULT')
    await expectRefused('WHERE_BREAKS_UPDATES', of('users', `, where: { "public.users": "name <> 'x'" }`))
    await expectRefused('COLUMNS_BREAK_UPDATES', of('whole', ', columns: { "public.whole": ["id", "a"] }'))
    expect((await sql('SELECT 1 FROM pg_publication_rel')).rowCount).toBe(0)
    await sql("UPDATE users SET name = 'y'; INSERT INTO keyless VALUES (1); UPDATE keyless SET a = 2; DELETE FROM whole")
  })

  test('a role that may make no slot, and one that may make no publication: nothing is made', async () => {
    const { configuration, source, sql, url } = await shop()
    await sql('CREATE ROLE small LOGIN; CREATE ROLE replicator LOGIN REPLICATION')
    const as = (role: string) => configuration({ source: source('', url.replace('postgres@', `${role}@`)) })
    expect((await expectRefused('RIGHT_REPLICATION', as('small'))).hint).toContain('ALTER ROLE "small" REPLICATION')
    expect((await expectRefused('RIGHT_PUBLICATION', as('replicator'))).hint).toMatch(/GRANT|ALTER/)
    expect((await sql('SELECT 1 FROM pg_publication')).rowCount).toBe(0)
  })

  test("somebody else's publication that lacks our tables or our changes is named and left alone", async () => {
    const { configuration, source, sql } = await shop()
    await sql('CREATE TABLE other (id int PRIMARY KEY); CREATE PUBLICATION theirs FOR TABLE other')
    const text = configuration({ source: source(', publication: theirs, tables: ["public.users"]') })
    expect((await expectRefused('PUBLICATION_MISMATCH', text)).message).toContain('public.users')
    await sql("ALTER PUBLICATION theirs SET (publish = 'insert')")
    expect((await expectRefused('PUBLICATION_OPERATIONS', text)).message).toMatch(/update.*delete/)
    expect((await sql('SELECT 1 FROM pg_publication_rel')).rowCount).toBe(1)
  })

  test('a slot of another plugin, or of another database', async () => {
    const { configuration, source, sql, database } = await shop()
    const elsewhere = await shop()
    await sql(`SELECT pg_create_logical_replication_slot('other_${database}', 'test_decoding')`)
    await elsewhere.sql(`SELECT pg_create_logical_replication_slot('far_${database}', 'pgoutput')`)
    await expectRefused('SLOT_PLUGIN', configuration({ source: source(`, slot: other_${database}`) }))
    await expectRefused('SLOT_DATABASE', configuration({ source: source(`, slot: far_${database}`) }))
  })

  test('a slot that another pipeline reads is waited for, then refused before anything is delivered', async () => {
    const { configuration, source, database } = await shop()
    const text = configuration({ source: source(`, slot: mine_${database}`), sink: '{ type: file, path: ./changes }' })
    const first = await running(folderWith({ 'millrace.yaml': text }))
    const cwd = folderWith({})
    const said = await expectRefused('SLOT_IN_USE', text, { cwd })
    expect(said.message).toMatch(/process \d+/)
    expect(spawnSync('find', [join(cwd, 'changes'), '-name', '*.ndjson'], { encoding: 'utf8' }).stdout).toBe('')
    await first.stop()
  })

  test('killed while its network is cut, the next run ends what it left on the server and goes on at once', async () => {
    const { configuration, source, sql, url, database } = await shop()
    await using cable = await halfOpen(server.port)
    const text = configuration({ source: source('', url.replace(`:${server.port}`, `:${cable.port}`)), sink: DUCKDB })
    const cwd = folderWith({ 'millrace.yaml': text })
    const first = await running(cwd)
    const reader = async () =>
      (await sql(`SELECT active_pid FROM pg_replication_slots WHERE database = '${database}'`)).rows[0]?.active_pid as number | null
    await until(async () => (await reader()) !== null)
    const left = await reader()
    first.child.kill('SIGKILL')
    await first.finished
    expect(await reader()).toBe(left)
    await sql("INSERT INTO users VALUES (1000, 'meanwhile')")
    // The server itself would hold on to it for 60 s (wal_sender_timeout), and the run gives up after 15.
    await expectMended(cwd, 101)
  })

  test('wal_level that is not logical', async () => {
    await using plain = await startPostgres(18, { wal_level: 'replica' })
    const { configuration, sql } = await shop(plain)
    await expectRefused('WAL_LEVEL', configuration())
    expect((await sql('SELECT 1 FROM pg_publication')).rowCount).toBe(0)
  })
})

describe.concurrent('sinks and state', () => {
  test('a path that is a folder, in a folder that is not there, or below a file', async () => {
    const { configuration } = await shop()
    const cwd = folderWith({ taken: '' })
    mkdirSync(join(cwd, 'folder.duckdb'))
    await expectRefused('SINK_PATH_IS_FOLDER', configuration({ sink: '{ type: duckdb, path: ./folder.duckdb }' }), { cwd })
    await expectRefused('SINK_PATH_MISSING', configuration({ sink: '{ type: duckdb, path: ./no/such/shop.duckdb }' }))
    await expectRefused('SINK_PATH_IS_FILE', configuration({ sink: '{ type: file, path: ./taken }' }), { cwd })
  })

  test.skipIf(isRoot && !mayEnter(NOBODY))('a path that may not be written (as root: in a checkout that others may read)', async () => {
    const { configuration } = await shop()
    const cwd = folderWith({})
    mkdirSync(join(cwd, 'locked'))
    chmodSync(join(cwd, 'locked'), 0o555)
    if (isRoot) chownSync(cwd, NOBODY, NOBODY)
    const as = { cwd, uid: isRoot ? NOBODY : undefined }
    await expectRefused('SINK_NOT_WRITABLE', configuration({ sink: '{ type: file, path: ./locked/changes }' }), as)
    await expectRefused('SINK_NOT_WRITABLE', configuration({ sink: '{ type: duckdb, path: ./locked/shop.duckdb }' }), as)
  })

  test.skipIf(!mayMount()).each([
    ['file', '{ type: file, path: ./disk/changes }', '1m'],
    ['duckdb', '{ type: duckdb, path: ./disk/shop.duckdb }', '2m'],
  ])('a full disk under %s: it waits, and goes on by itself when there is space (as root: on a small tmpfs)', async (type, sink, size) => {
    const { configuration, sql } = await shop()
    await sql(`INSERT INTO users SELECT g, md5(g::text) || md5((-g)::text) FROM generate_series(1001, 60000) g`)
    const cwd = folderWith({ 'millrace.yaml': configuration({ sink }) })
    await using disk = mountSmall(join(cwd, 'disk'), size)
    const run = startMillrace([...RUN, '--until', 'caught-up'], { cwd })
    const isFull = () => run.output.stderr.includes('SINK_DISK_FULL')
    await until(() => isFull() || run.child.exitCode !== null, 30_000, 'the full disk')
    expect(isFull(), run.output.stderr).toBe(true)
    disk.grow('64m')
    const { code, stderr } = await run.finished
    expect(code, stderr).toBe(0)
    expect(stderr).not.toMatch(/\n\s+at /)
    if (type === 'duckdb') return await expectVerified(cwd, 59_100)
    const lines = spawnSync('sh', ['-c', 'cat disk/changes/*/*.ndjson | wc -l'], { cwd, encoding: 'utf8' })
    expect(Number(lines.stdout)).toBe(59_100)
  })

  test('a corrupt state file is not written over', async () => {
    const { configuration } = await shop()
    const cwd = folderWith({ 'state.db': 'this is no database, '.repeat(500) })
    await expectRefused('STATE_CORRUPT', `${configuration()}state: ./state.db\n`, { cwd })
  })

  test('a second process on the same pipeline', async () => {
    const { configuration } = await shop()
    const cwd = folderWith({ 'millrace.yaml': configuration() })
    const first = await running(cwd)
    const said = await expectRefused('PIPELINE_RUNNING', configuration(), { cwd })
    expect(said.message).toContain(String(first.child.pid))
    await first.stop()
  })
})

describe.concurrent('gaps', () => {
  test('a slot that is gone or made again stops the run and names the repair, and the repair mends it', async () => {
    const { configuration, source, sql, database } = await shop()
    const slot = `gap_${database}`
    const text = configuration({ source: source(`, slot: ${slot}`), sink: DUCKDB })
    const cwd = folderWith({ 'millrace.yaml': text })
    await expectMended(cwd, 100)
    await sql(`SELECT pg_drop_replication_slot('${slot}')`)
    await sql("DELETE FROM users WHERE id < 10; UPDATE users SET name = 'missed' WHERE id < 20; INSERT INTO users VALUES (1000, 'missed')")
    expect((await expectRefused('GAP_SLOT_MISSING', text, { cwd })).hint).toContain('--repair')
    await sql(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    await sql("INSERT INTO users VALUES (1001, 'after')")
    await expectRefused('GAP_SLOT_AHEAD', text, { cwd })
    await expectMended(cwd, 93, '--repair')
  })

  test('a slot that the server gave up stops the run, and the repair mends it', async () => {
    await using small = await startPostgres(testedMajors()[0], {
      max_slot_wal_keep_size: '1MB',
      min_wal_size: '32MB',
      max_wal_size: '32MB',
    })
    const { configuration, sql } = await shop(small)
    const cwd = folderWith({ 'millrace.yaml': configuration({ sink: DUCKDB }) })
    await expectMended(cwd, 100)
    await sql("DELETE FROM users WHERE id < 10; UPDATE users SET name = 'missed' WHERE id < 20")
    await until(async () => {
      await sql("SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000)); SELECT pg_switch_wal(); CHECKPOINT")
      return (await sql('SELECT wal_status FROM pg_replication_slots')).rows[0]?.wal_status === 'lost'
    })
    expect((await expectRefused('GAP_SLOT_LOST', configuration({ sink: DUCKDB }), { cwd })).hint).toContain('--repair')
    await expectMended(cwd, 91, '--repair')
  })

  test('values computed anew while nobody read, in a table that nobody writes, reach the sink', async () => {
    const { configuration, sql } = await shop()
    const cwd = folderWith({ 'millrace.yaml': configuration({ sink: DUCKDB }) })
    await expectMended(cwd, 100)
    await sql('ALTER TABLE users ALTER age TYPE int USING age * 2')
    await expectMended(cwd, 100)
  })
})

/** Whether another user may run what is here. */
function mayEnter(uid: number): boolean {
  return spawnSync('test', ['-r', join(ROOT, 'package.json')], { uid, gid: uid }).status === 0
}

function mayMount(): boolean {
  if (!isRoot) return false
  const folder = folderWith({})
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status === 0
  if (isMounted) spawnSync('umount', [folder])
  return isMounted
}

function mountSmall(folder: string, size: string) {
  mkdirSync(folder)
  const mount = (...args: string[]) => expect(spawnSync('mount', [...args, folder]).status).toBe(0)
  mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs')
  return {
    grow: (to: string) => mount('-o', `remount,size=${to}`),
    [Symbol.asyncDispose]: async () => void spawnSync('umount', ['-l', folder]),
  }
}

/** A way to the server on which it never hears that the other side is gone. */
async function halfOpen(port: number) {
  const sockets = new Set<{ destroy(): void }>()
  const listener = createServer({ allowHalfOpen: true }, (near) => {
    const far = dial({ port, host: '127.0.0.1' })
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}))
    near.on('data', (bytes) => far.write(bytes))
    far.on('data', (bytes) => near.write(bytes))
    far.on('end', () => near.end())
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  }
  return { port: (listener.address() as { port: number }).port, [Symbol.asyncDispose]: stop }
}
