import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DuckDBInstance } from '@duckdb/node-api'
import { startPostgres, until, type PostgresServer } from '../../test/servers.ts'
import type { Catalog } from '../contracts/archive.ts'
import { verifyArchives } from '../core/archive-verify.ts'
import { openArchive } from '../sinks/parquet/archive-open.ts'
import { config as parquetConfig } from '../sinks/parquet/config.ts'
import { folderWith, millrace, startMillrace } from './run-cli.fixture.ts'
import type { SnapshotReport } from './snapshot.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

describe('millrace snapshot', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(18)
  })
  afterAll(() => server.stop())

  async function database(ddl: string) {
    const name = await server.createDatabase()
    const client = await server.connect(name)
    await client.query(ddl)
    return { name, url: server.url(name), sql: (text: string) => client.query(text), [Symbol.asyncDispose]: () => client.end() }
  }

  function configured(url: string, parts: { source?: object; snapshot?: object; sink?: object } = {}): string {
    const { source = {}, snapshot = {}, sink = {} } = parts
    const config = {
      name: 'a',
      source: { type: 'postgres', url, ...source },
      snapshot,
      sinks: [{ type: 'parquet', path: './lake', ...sink }],
    }
    return folderWith({ 'millrace.json': JSON.stringify(config) })
  }

  const take = async (cwd: string, ...args: string[]) => {
    const done = await millrace(['snapshot', '-c', 'millrace.json', '--json', '--quiet', ...args], { cwd })
    return { ...done, report: (done.stdout ? JSON.parse(done.stdout) : null) as SnapshotReport }
  }

  test('writes parts that another tool reads, and a catalog with the fixed fields', async () => {
    await using db = await database(`CREATE TABLE users(id int PRIMARY KEY, name text, balance numeric(10,2), tags text[], born date);
      INSERT INTO users SELECT g, 'n' || g, g / 4.0, ARRAY['a', NULL], date '2000-01-01' + g FROM generate_series(1, 200000) g; CREATE TABLE empty(id int);`)
    const cwd = configured(db.url)
    const { code, report } = await take(cwd)
    expect([code, report.ok, report.rows, report.tables.map(({ catalog }) => catalog.source)]).toEqual([
      0,
      true,
      200_000,
      ['public.empty', 'public.users'],
    ])
    expect(report.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    const folder = join(cwd, 'lake/public.users', report.id)
    const catalog = JSON.parse(readFileSync(join(folder, 'catalog.json'), 'utf8')) as Catalog
    expect(Object.keys(catalog)).toEqual([
      'id',
      'start_time',
      'end_time',
      'source',
      'num_source_records',
      'num_records_processed',
      'success',
      'schema',
      'files',
      'position',
    ])
    expect(catalog).toMatchObject({
      id: report.id,
      source: 'public.users',
      num_source_records: 200_000,
      num_records_processed: 200_000,
      success: true,
    })
    expect(catalog.schema[2]).toEqual({
      name: 'balance',
      type: 'numeric(10,2)',
      nullable: true,
      stored: 'optional int64 balance (DECIMAL(10,2))',
    })
    expect(catalog.files.map(({ name }) => name)).toEqual(
      readdirSync(folder)
        .filter((name) => name !== 'catalog.json')
        .sort(),
    )
    expect(
      await query(`SELECT count(*), sum(balance)::VARCHAR, max(born)::VARCHAR, any_value(tags)::VARCHAR FROM '${folder}/*.parquet'`),
    ).toEqual([[200_000n, '5000025000.00', '2547-08-01', '[a, NULL]']])
    expect(await query(`SELECT count(*) FROM '${cwd}/lake/public.empty/*/*.parquet'`)).toEqual([[0n]])
    const isRight = `name = 'n' || id AND balance = id / 4.0 AND born = date '2000-01-01' + id`
    expect(await query(`SELECT count(DISTINCT id) FROM '${folder}/*.parquet' WHERE ${isRight}`)).toEqual([[200_000n]])
    expect((await millrace(['snapshot', 'verify', 'lake'], { cwd })).stdout).toContain('verified: 2 archives')
    expect((await db.sql('SELECT 1 FROM pg_publication')).rowCount).toBe(0)
  })

  test('without a file: a source URL and a sink; a second snapshot lies beside the first', async () => {
    await using db = await database('CREATE TABLE t(id int); INSERT INTO t VALUES (1), (2)')
    const cwd = folderWith({})
    for (let round = 1; round <= 2; round++) {
      const { code, stdout } = await millrace(['snapshot', db.url, 'parquet:./lake', '--log', 'pretty'], { cwd })
      expect([code, stdout]).toEqual([0, expect.stringContaining('2 rows of 1 table archived')])
      expect(readdirSync(join(cwd, 'lake/public.t'))).toHaveLength(round)
    }
  })

  test('one of the tables fails: exit code 1, a catalog that says why, no part of it, the others whole', async () => {
    await using db = await database(
      'CREATE TABLE good(id int); INSERT INTO good VALUES (1); CREATE TABLE bad(id int); INSERT INTO bad VALUES (0);',
    )
    const cwd = configured(db.url, {
      snapshot: { queries: { 'public.bad': 'SELECT 1 / id AS x FROM bad', 'q.random': 'SELECT id FROM good WHERE random() < 0' } },
    })
    const { code, report } = await take(cwd)
    expect([code, report.ok]).toEqual([1, false])
    expect(report.tables.map(({ catalog }) => [catalog.source, catalog.success, catalog.error?.code])).toEqual([
      ['public.bad', false, 'SOURCE_QUERY'],
      ['public.good', true, undefined],
      ['q.random', true, undefined],
    ])
    expect(readdirSync(join(cwd, 'lake/public.bad', report.id))).toEqual(['catalog.json'])
    const { stdout } = await millrace(['snapshot', '-c', 'millrace.json', '--quiet'], { cwd })
    expect(stdout).toMatch(/public\.bad {2}FAILED .*\[SOURCE_QUERY\]/)
  })

  test('a place that cannot be written is told before a row is read', async () => {
    await using db = await database('CREATE TABLE t(id int); INSERT INTO t VALUES (1)')
    const { code, stdout, stderr } = await take(configured(db.url, { sink: { path: './millrace.json/lake' } }))
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/"code":"SINK_/)
  })

  test('a value that Parquet does not hold fails its table by default', async () => {
    await using db = await database(`CREATE TABLE t(d date); INSERT INTO t VALUES ('infinity')`)
    const { code, report } = await take(configured(db.url))
    expect([code, report.tables[0]?.catalog.error?.code]).toEqual([1, 'PARQUET_VALUE'])
    const clamped = await take(configured(db.url, { sink: { onValue: 'clamp' } }))
    expect(clamped.code).toBe(0)
    expect(clamped.stderr).toMatch(/"policy":"clamp","values":\{"d":1\}.*"misfits"/)
  })

  test('verify names each kind of damage by its file', async () => {
    await using db = await database(`CREATE TABLE t(id int, v text); INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 1000) g`)
    const cwd = configured(db.url)
    const { report } = await take(cwd)
    const whole = join(cwd, 'lake/public.t', report.id)
    const damaged = async (damage: (folder: string, catalog: Catalog) => void): Promise<[number, string[]]> => {
      const folder = join(folderWith({}), 'copy')
      cpSync(whole, folder, { recursive: true })
      damage(folder, JSON.parse(readFileSync(join(folder, 'catalog.json'), 'utf8')) as Catalog)
      await using archive = await openArchive(parquetConfig.parse({ path: folder }), { baseDir: folder, name: 'parquet', log })
      const { ok, archives } = await verifyArchives(archive, new AbortController().signal)
      const findings = archives.flatMap((archive) => archive.findings)
      return [ok ? 0 : 1, findings.map(({ file, finding }) => `${file ?? ''} ${finding}`.trim())]
    }
    const rewrite = (folder: string, catalog: object) => writeFileSync(join(folder, 'catalog.json'), JSON.stringify(catalog))
    const part = 'part-00000.parquet'
    expect(await damaged(() => {})).toEqual([0, []])
    expect(await damaged((folder) => rmSync(join(folder, part)))).toEqual([1, [`${part} is missing`]])
    expect(await damaged((folder) => writeFileSync(join(folder, 'more.parquet'), 'x'))).toEqual([1, ['more.parquet is not in the catalog']])
    expect(await damaged((folder) => rmSync(join(folder, 'catalog.json')))).toEqual([
      1,
      [expect.stringContaining('there is no catalog.json')],
    ])
    expect(await damaged((folder) => writeFileSync(join(folder, 'catalog.json'), '{'))).toEqual([1, ['catalog.json is no JSON']])
    expect(await damaged((folder, { files: _, ...rest }) => rewrite(folder, rest))).toEqual([1, ['catalog.json has no valid `files`']])
    expect(await damaged((folder, catalog) => rewrite(folder, { ...catalog, num_source_records: 999 }))).toEqual([
      1,
      ['the source counted 999 rows, and 1000 were archived'],
    ])
    expect(await damaged((folder, catalog) => rewrite(folder, { ...catalog, success: false }))).toEqual([
      1,
      [expect.stringContaining('the snapshot failed')],
    ])
    const flip = (folder: string) => {
      const bytes = readFileSync(join(folder, part))
      bytes[200]! ^= 1
      writeFileSync(join(folder, part), bytes)
    }
    expect(await damaged(flip)).toEqual([1, [expect.stringMatching(/^part-00000.parquet has the SHA-256 \w{64} instead of/)]])
    const cut = (folder: string) => writeFileSync(join(folder, part), readFileSync(join(folder, part)).subarray(0, -20))
    expect(await damaged(cut)).toEqual([
      1,
      [expect.stringContaining('bytes instead of'), expect.stringContaining('SHA-256'), expect.stringContaining('cannot be read')],
    ])
    const rows = (folder: string, catalog: Catalog) => rewrite(folder, { ...catalog, files: [{ ...catalog.files[0], rows: 7 }] })
    expect(await damaged(rows)).toEqual([
      1,
      ['its files should hold 1000 rows, and hold 7 by its own list', `${part} holds 1000 rows instead of 7`],
    ])
    const type = (folder: string, catalog: Catalog) =>
      rewrite(folder, { ...catalog, schema: [{ ...catalog.schema[0], stored: 'optional int64 id' }, catalog.schema[1]] })
    expect(await damaged(type)).toEqual([
      1,
      [expect.stringContaining('its column 1 is `optional int32 id (INTEGER(32,true))`, by the catalog `optional int64 id`')],
    ])
    expect((await millrace(['snapshot', 'verify', folderWith({})])).stderr).toContain('ARCHIVE_NOT_FOUND')
  })

  test('interrupted, nothing of it looks complete: what is whole stays, of the rest there is nothing', async () => {
    await using db = await database(`CREATE TABLE a(id int); INSERT INTO a VALUES (1)`)
    const cwd = configured(db.url, {
      snapshot: { parallel: 1, queries: { 'q.slow': `SELECT g FROM generate_series(1, 3) g, pg_sleep(60)` } },
    })
    const running = startMillrace(['snapshot', '-c', 'millrace.json'], { cwd })
    await until(() => existsSync(join(cwd, 'lake/public.a')) && readdirSync(join(cwd, 'lake/public.a')).length > 0)
    await until(
      async () =>
        (await db.sql(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`)).rowCount === 1,
    )
    running.child.kill('SIGINT')
    expect((await running.finished).code).toBe(130)
    const left = readdirSync(join(cwd, 'lake'), { recursive: true }).filter((name) => /q\.slow.*(parquet|json)$/.test(String(name)))
    expect(left).toEqual([])
    expect((await millrace(['snapshot', 'verify', 'lake'], { cwd })).code).toBe(0)
    await until(
      async () =>
        (await db.sql(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)).rowCount === 0,
    )
  })

  test('killed, it leaves parts without a catalog, which verify tells of', async () => {
    await using db = await database(
      `CREATE TABLE a(id int, v text); INSERT INTO a SELECT g, md5(g::text) FROM generate_series(1, 400000) g`,
    )
    const slow = { 'public.a': `SELECT * FROM a UNION ALL SELECT 0, pg_sleep(60)::text` }
    const cwd = configured(db.url, { sink: { rollSize: '1MB' }, snapshot: { chunkSize: '1MB', queries: slow } })
    const running = startMillrace(['snapshot', '-c', 'millrace.json'], { cwd })
    const files = () => (existsSync(join(cwd, 'lake')) ? readdirSync(join(cwd, 'lake'), { recursive: true }).map(String) : [])
    await until(() => files().some((name) => name.endsWith('part-00000.parquet')))
    running.child.kill('SIGKILL')
    await running.finished
    expect(files().filter((name) => name.endsWith('catalog.json'))).toEqual([])
    const { code, stdout } = await millrace(['snapshot', 'verify', 'lake'], { cwd })
    expect([code, stdout]).toEqual([1, expect.stringContaining('there is no catalog.json')])
  })

  test('a connection that is lost half-way: another snapshot is taken, once, and it is said', async () => {
    await using db = await database(`CREATE TABLE a(id int); INSERT INTO a VALUES (1)`)
    await db.sql(
      `CREATE FUNCTION rest() RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF pg_try_advisory_xact_lock(7) THEN PERFORM pg_sleep(60); END IF; RETURN 1; END $$`,
    )
    const cwd = configured(db.url, { snapshot: { queries: { 'q.slow': `SELECT rest() AS a` } } })
    await db.sql('SELECT 1')
    const running = startMillrace(['snapshot', '-c', 'millrace.json', '--json'], { cwd })
    const sleeping = `FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`
    await until(async () => (await db.sql(`SELECT 1 ${sleeping}`)).rowCount! > 0)
    // The second attempt finds the lock taken, and does not rest.
    await db.sql(`BEGIN; SELECT pg_terminate_backend(pid) ${sleeping}; SELECT pg_advisory_lock(7)`)
    const { code, stdout, stderr } = await running.finished
    expect([code, (JSON.parse(stdout) as SnapshotReport).attempts]).toEqual([0, 2])
    expect(stderr).toContain('"code":"SOURCE_LOST"')
    expect(
      readdirSync(join(cwd, 'lake/public.a')).filter((name) => existsSync(join(cwd, 'lake/public.a', name, 'catalog.json'))),
    ).toHaveLength(1)
  })

  test('what cannot be is refused with its reason', async () => {
    const refused = async (config: object, args: string[] = []) => {
      const cwd = folderWith({ 'millrace.json': JSON.stringify({ name: 'a', source: { type: 'postgres', url: server.url() }, ...config }) })
      const { code, stderr } = await millrace([...(args.length > 0 ? args : ['snapshot']), '-c', 'millrace.json'], { cwd })
      return `${code} ${stderr}`
    }
    expect(await refused({ sinks: [{ type: 'file', path: './x' }] })).toMatch(/^2 .*None of the sinks \(file\) takes archives/s)
    const two = [
      { type: 'parquet', path: './x' },
      { type: 'parquet', name: 'b', path: './y' },
    ]
    expect(await refused({ sinks: two })).toMatch(/^2 .*Several sinks take archives \(parquet, b\)/s)
    expect(await refused({ sinks: [{ type: 'parquet', path: './x' }], snapshot: { queries: { sales: 'SELECT 1' } } })).toMatch(
      /^2 .*snapshot\.queries.*schema\.table/s,
    )
    expect(await refused({ sinks: [{ type: 'parquet', path: './x' }], snapshot: { mode: 'consistent' } }, ['run'])).toMatch(
      /^2 .*ARCHIVE_MODE/s,
    )
  })

  test('a path that cannot be written fails with its code, before and in the middle', async () => {
    await using db = await database(`CREATE TABLE a(id int)`)
    const cwd = configured(db.url)
    writeFileSync(join(cwd, 'lake'), 'a file')
    expect((await take(cwd)).code).toBe(1)
    rmSync(join(cwd, 'lake'))
    mkdirSync(join(cwd, 'lake'))
    writeFileSync(join(cwd, 'lake/public.a'), 'a file')
    const { code, report } = await take(cwd)
    expect([code, report.tables[0]?.path, report.tables[0]?.catalog.error?.code]).toEqual([1, null, 'SINK_PATH_IS_FILE'])
  })
})

async function query(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const rows = (await connection.runAndReadAll(sql)).getRows()
  connection.closeSync()
  instance.closeSync()
  return rows as unknown[][]
}
