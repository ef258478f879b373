import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { closeConnection, connect } from './connection.ts'
import { queryRows } from './query.ts'
import { parseSourceUrl } from './source-url.ts'
import { targetOf } from './target.ts'

const PASSWORD = 'hunter2:a\\b /@'

describe.each(testedMajors())('a login to Postgres %i', (major) => {
  let server: PostgresServer
  let home: string
  const passwordFile = () => join(home, '.pgpass')

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'millrace-login-'))
    server = await startPostgres(major)
    await server.query(`CREATE ROLE ada LOGIN REPLICATION PASSWORD '${PASSWORD}'; CREATE ROLE hasty LOGIN REPLICATION`)
    const limits = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout']
    for (const name of major >= 17 ? [...limits, 'transaction_timeout'] : limits)
      await server.query(`ALTER ROLE hasty SET ${name} = '200ms'`)
    const rules = join(server.dataDir, 'pg_hba.conf')
    writeFileSync(rules, `host all ada all scram-sha-256\n${readFileSync(rules, 'utf8')}`)
    await server.query('SELECT pg_reload_conf()')
    await until(async () => (await connect(`postgres://ada:x@127.0.0.1:${server.port}/postgres`).catch(() => null)) === null)
  })
  afterAll(async () => {
    await server.stop()
    rmSync(home, { recursive: true })
  })

  const address = () => `postgres://ada@127.0.0.1:${server.port}/postgres`
  const target = (env: Record<string, string> = {}) => parseSourceUrl(address(), { env: { HOME: home, ...env } })
  const write = (line: string) => {
    writeFileSync(passwordFile(), `# passwords\n${line}\n`, { mode: 0o600 })
    chmodSync(passwordFile(), 0o600)
  }
  const escaped = PASSWORD.replace(/[:\\]/g, '\\$&')

  test.each([{}, { replication: true, gulp: true }])('takes the password from the password file: %o', async (options) => {
    write(`127.0.0.1:${server.port}:postgres:ada:${escaped}`)
    await closeConnection(await connect(target(), options))
    write(`*:*:*:ada:${escaped}`)
    await closeConnection(await connect(target({ PGPASSFILE: passwordFile() }), options))
  })

  test('takes it at each login: the file may be written anew', async () => {
    write('*:*:*:*:old')
    const same = target()
    await expect(connect(same)).rejects.toMatchObject({ code: 'SOURCE_AUTH' })
    write(`*:*:*:*:${escaped}`)
    await closeConnection(await connect(same))
  })

  test('takes that of the environment before that of the file', async () => {
    write('*:*:*:*:wrong')
    await closeConnection(await connect(target({ PGPASSWORD: PASSWORD })))
  })

  test('says why a file is ignored, and where a password could have come from', async () => {
    write(`*:*:*:*:${escaped}`)
    chmodSync(passwordFile(), 0o644)
    await expect(connect(target())).rejects.toMatchObject({
      code: 'SOURCE_AUTH',
      message: expect.stringContaining(`chmod 600 ${passwordFile()}`),
    })
    rmSync(passwordFile())
    await expect(connect(target())).rejects.toMatchObject({ code: 'SOURCE_AUTH', message: expect.stringContaining('PGPASSWORD') })
  })

  test.each<[string, (password: string) => string]>([
    ['in a URL', (password) => `postgres://ada:${encodeURIComponent(password)}@127.0.0.1:${server.port}/postgres`],
    ['as a parameter', (password) => `${address()}?password=${encodeURIComponent(password)}`],
    [
      'as a keyword',
      (password) => `host=127.0.0.1 port=${server.port} dbname=postgres user=ada password='${password.replace(/['\\]/g, '\\$&')}'`,
    ],
    ['with several hosts', (password) => `postgres://ada:${encodeURIComponent(password)}@127.0.0.1:1,127.0.0.1:${server.port}/postgres`],
  ])('takes a password %s, and never prints a wrong one', async (_, url) => {
    await closeConnection(await connect(url(PASSWORD)))
    const error: unknown = await connect(url(`${PASSWORD}x`)).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'SOURCE_AUTH' })
    expect(inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)).not.toContain('hunter2')
  })

  test('is named after the pipeline, unless the address says otherwise', async () => {
    const nameOf = async (url: string) => {
      const connection = await connect(targetOf({ url }, 'shop'))
      const [row] = await queryRows(connection, 'SHOW application_name')
      await closeConnection(connection)
      return row?.[0]
    }
    expect(await nameOf(server.url())).toBe('millrace:shop')
    expect(await nameOf(`${server.url()}?application_name=mine`)).toBe('mine')
    expect(await nameOf(`${server.url()}?fallback_application_name=theirs`)).toBe('theirs')
  })

  test('passes options on', async () => {
    const connection = await connect(`${server.url()}?options=-c%20work_mem%3D7MB`)
    expect(await queryRows(connection, 'SHOW work_mem')).toEqual([['7MB']])
    await closeConnection(connection)
  })

  test.each([{}, { gulp: true }, { replication: true }])('is held by none of the limits that a role has: %o', async (options) => {
    const connection = await connect(`postgres://hasty@127.0.0.1:${server.port}/postgres`, options)
    await queryRows(connection, 'BEGIN')
    await queryRows(connection, 'SELECT pg_sleep(0.4)::text')
    // Idle inside the transaction, as long as somebody else takes for the same.
    await server.query('SELECT pg_sleep(0.4)')
    await queryRows(connection, 'COMMIT')
    await server.query('SELECT pg_sleep(0.4)')
    expect(await queryRows(connection, 'SELECT 1::text')).toEqual([['1']])
    await closeConnection(connection)
  })

  // Last: it restarts the server.
  test('to a server that ends, starts or recovers fails in a way that may pass', async () => {
    const connection = await connect(server.url())
    const waiting = queryRows(connection, 'SELECT pg_sleep(60)::text').catch((error: unknown) => error)
    await until(async () => (await server.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)).rowCount === 1)
    await server.halt('fast')
    expect(await waiting).toMatchObject({ code: 'SOURCE_LOST', kind: 'transient' })
    const failures = new Set<string>()
    const started = server.start()
    let isUp = false
    await until(async () => {
      const found = await connect(server.url()).catch((error: { code: string; kind: string }) => error)
      if ('kind' in found) failures.add(`${found.code} ${found.kind}`)
      else {
        await closeConnection(found)
        isUp = true
      }
      return isUp
    })
    await started
    expect([...failures].filter((failure) => failure !== 'SOURCE_UNREACHABLE transient')).toEqual([])
  })
})
