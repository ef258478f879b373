import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inspect } from 'node:util'
import pgCopyStreams from 'pg-copy-streams'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { closeConnection, connect, serverVersionOf, type ConnectOptions } from './connection.ts'
import { parseSourceUrl } from './source-url.ts'

/** For localhost, by itself, until 2126; worth nothing. */
const KEY = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQge/O4L03F/L4uBkve
lM1B+ouYASTOxF55J6azv9h0vOGhRANCAAQ4AIIVQexKbQfyzlFJwOnPgfCsP7gC
OJbom87N2qXjJRacWkNHTX1BtuIWbvY0/W8e5fsNSsFEpOYG/L3Yb5K+
-----END PRIVATE KEY-----
`
const CERTIFICATE = `
-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUOiYkGRHHbfnixXt18chz8TnmU1cwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMDE4MzIzMloYDzIxMjYxMDI3
MTgzMjMyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ4AIIVQexKbQfyzlFJwOnPgfCsP7gCOJbom87N2qXjJRacWkNHTX1B
tuIWbvY0/W8e5fsNSsFEpOYG/L3Yb5K+o2kwZzAdBgNVHQ4EFgQUqRHavfS3JlGA
3ID08zbAxXe+rIIwHwYDVR0jBBgwFoAUqRHavfS3JlGA3ID08zbAxXe+rIIwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAJNyWfx7D7kE1dIquybFWbWowQ+7sjh0QlrEhBc95MBjAiBXvegUlGW0
qEQBWk2YMDNrz19Qsf4q+ZDmkwmK0OYvuQ==
-----END CERTIFICATE-----
`

const PASSWORD = 'hunter2-Päß/word'

describe.each(testedMajors())('a connection to Postgres %i', (major) => {
  let server: PostgresServer
  let folder: string
  const certificate = () => join(folder, 'certificate.pem')
  const urlAs = (user: string, query = '', host = '127.0.0.1', database = 'postgres') =>
    `postgres://${user}@${host}:${server.port}/${database}${query}`

  beforeAll(async () => {
    server = await startPostgres(major)
    folder = mkdtempSync(join(tmpdir(), 'millrace-tls-'))
    writeFileSync(certificate(), CERTIFICATE.trimStart())
    const owned = (name: string, text: string) => {
      const path = join(server.dataDir, name)
      writeFileSync(path, text, { mode: 0o600 })
      const { uid, gid } = statSync(server.dataDir)
      chownSync(path, uid, gid)
    }
    owned('server.key', KEY.trimStart())
    owned('server.crt', CERTIFICATE.trimStart())
    const rules = readFileSync(join(server.dataDir, 'pg_hba.conf'), 'utf8')
    const strict =
      'host all secret 127.0.0.1/32 scram-sha-256\nhostnossl all tls_only 127.0.0.1/32 reject\nhostssl all plain_only 127.0.0.1/32 reject\n'
    owned('pg_hba.conf', strict + rules)
    await server.query(`CREATE ROLE secret LOGIN REPLICATION PASSWORD '${PASSWORD}'`)
    await server.query(`CREATE ROLE tls_only LOGIN; CREATE ROLE plain_only LOGIN; CREATE ROLE odd LOGIN REPLICATION`)
    await server.query(`ALTER ROLE odd SET datestyle = 'German'; ALTER ROLE odd SET intervalstyle = 'sql_standard'; ALTER ROLE odd SET timezone = 'Asia/Kolkata';
      ALTER ROLE odd SET extra_float_digits = 0; ALTER ROLE odd SET bytea_output = 'escape'; ALTER ROLE odd SET statement_timeout = '1s'; ALTER ROLE odd SET client_encoding = 'LATIN1'`)
    await server.query(`ALTER SYSTEM SET ssl = on`)
    await server.query('SELECT pg_reload_conf()')
    await until(async () => (await server.query('SHOW ssl')).rows[0]?.ssl === 'on')
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })

  async function ask(url: string, sql: string, options: ConnectOptions = {}): Promise<unknown> {
    const connection = await connect(url, options)
    try {
      return Object.values((await connection.query(sql)).rows[0] as object)[0]
    } finally {
      await closeConnection(connection)
    }
  }

  test.each([{}, { gulp: true }, { replication: true }, { replication: true, gulp: true }])(
    'has our words whatever the role has set: %o',
    async (options) => {
      const wanted = {
        datestyle: 'ISO, MDY',
        intervalstyle: 'iso_8601',
        timezone: 'UTC',
        extra_float_digits: '3',
        bytea_output: 'hex',
        lc_monetary: 'C',
        client_encoding: 'UTF8',
        search_path: '""',
        row_security: 'off',
        statement_timeout: '0',
      }
      for (const [name, value] of Object.entries(wanted)) expect(await ask(urlAs('odd'), `SHOW ${name}`, options), name).toBe(value)
    },
  )

  test('gives the server version as a number', async () => {
    const connection = await connect(urlAs('postgres'))
    expect(Math.floor(serverVersionOf(connection) / 10_000)).toBe(major)
    await closeConnection(connection)
  })

  const isEncrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
  test.each([
    ['', '127.0.0.1', true],
    ['?sslmode=disable', '127.0.0.1', false],
    ['?sslmode=allow', '127.0.0.1', false],
    ['?sslmode=prefer', '127.0.0.1', true],
    ['?sslmode=require', '127.0.0.1', true],
    ['?sslmode=verify-ca&sslrootcert=CA', '127.0.0.1', true],
    ['?sslmode=verify-full&sslrootcert=CA', 'localhost', true],
  ])('follows %s at %s', async (query, host, encrypted) => {
    const url = urlAs('postgres', query.replace('CA', certificate()), host)
    for (const gulp of [false, true]) expect(await ask(url, isEncrypted, { gulp })).toBe(encrypted)
  })

  test('reads megabytes through TLS in gulps', async () => {
    const connection = await connect(urlAs('postgres', '?sslmode=require'), { gulp: true })
    const copy = connection.query(pgCopyStreams.to(`COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT`))
    let bytes = 0
    for await (const chunk of copy) bytes += (chunk as Buffer).length
    expect(bytes).toBe(20_000 * 1001)
    await closeConnection(connection)
  })

  test('goes the other way where the first is refused', async () => {
    expect(await ask(urlAs('plain_only', '?sslmode=prefer'), 'SELECT 1')).toBe(1)
    expect(await ask(urlAs('tls_only', '?sslmode=allow'), 'SELECT 1')).toBe(1)
  })

  test('connects through a Unix socket', async () => {
    const socket = encodeURIComponent(dirname(server.dataDir))
    expect(await ask(`postgres://postgres@${socket}:${server.port}/postgres`, 'SELECT inet_client_addr()', { gulp: true })).toBe(null)
    expect(await ask(`postgres:///postgres?host=${socket}&port=${server.port}&user=postgres`, 'SELECT 1')).toBe(1)
  })

  const encoded = encodeURIComponent(PASSWORD)
  test.each<[string, () => string, string]>([
    ['a wrong password', () => urlAs(`secret:${encoded}x`), 'SOURCE_AUTH'],
    ['a missing password', () => urlAs('secret'), 'SOURCE_AUTH'],
    ['a missing role', () => urlAs(`nobody_here:${encoded}`), 'SOURCE_AUTH'],
    ['a missing database', () => urlAs(`secret:${encoded}`, '', '127.0.0.1', 'nowhere'), 'SOURCE_DATABASE_MISSING'],
    ['a closed port', () => `postgres://secret:${encoded}@127.0.0.1:1/postgres`, 'SOURCE_UNREACHABLE'],
    ['an unknown host', () => `postgres://secret:${encoded}@nowhere.invalid/postgres`, 'SOURCE_UNREACHABLE'],
    ['a missing socket', () => `postgres://secret:${encoded}@%2Fnowhere/postgres`, 'SOURCE_UNREACHABLE'],
    ['a certificate that nobody knows', () => urlAs(`secret:${encoded}`, '?sslmode=verify-ca'), 'SOURCE_TLS'],
    [
      'a certificate for another name',
      () => urlAs(`secret:${encoded}`, `?sslmode=verify-full&sslrootcert=${certificate()}`),
      'SOURCE_TLS_NAME',
    ],
    ['a certificate file that is missing', () => urlAs(`secret:${encoded}`, '?sslrootcert=/nowhere'), 'SOURCE_TLS'],
    ['a server that refuses plain sessions', () => urlAs(`tls_only:${encoded}`, '?sslmode=disable'), 'SOURCE_AUTH'],
    ['an unknown sslmode', () => urlAs(`secret:${encoded}`, '?sslmode=maybe'), 'SOURCE_URL_INVALID'],
    ['a password that is not encoded', () => urlAs('secret:hunter2-a/b#c@d'), 'SOURCE_URL_INVALID'],
    ['a % that is not encoded', () => urlAs('secret:hunter2-%zz'), 'SOURCE_URL_INVALID'],
  ])('answers %s with one error of the table, and never prints the password', async (_, url, code) => {
    const error: unknown = await connect(url()).then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code })
    const printed = `${inspect(error, { depth: 20, showHidden: true })}${JSON.stringify(error)}${(error as Error).stack}`
    expect(printed).not.toContain('hunter2')
  })

  test('hides the password of what it parsed and of the client', async () => {
    const url = urlAs(`secret:${encoded}`)
    const target = parseSourceUrl(url)
    expect(target.password).toBe(PASSWORD)
    expect(inspect(target, { depth: 10 }) + JSON.stringify(target)).not.toContain('hunter2')
    const connection = await connect(url)
    expect(inspect(connection, { depth: 20 })).not.toContain('hunter2')
    await closeConnection(connection)
  })

  test('gives up connecting when its signal aborts', async () => {
    const abort = new AbortController()
    abort.abort()
    await expect(connect(urlAs('postgres'), { signal: abort.signal })).rejects.toThrow()
  })
})
