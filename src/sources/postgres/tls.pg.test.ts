import { chmodSync, chownSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { closeConnection, connect, type ConnectOptions } from './connection.ts'
import { createSlot } from './create-slot.ts'
import { memoryState } from './memory-state.fixture.ts'
import { openSession } from './session.ts'

const certs = fileURLToPath(new URL('../../../test/certs/', import.meta.url))
const silent = { debug() {}, info() {}, warn() {}, error() {} }

describe.each(testedMajors())('TLS with Postgres %i', (major) => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres(major)
    const { uid, gid } = statSync(server.dataDir)
    const own = (name: string) => {
      chownSync(join(server.dataDir, name), uid, gid)
    }
    for (const name of ['authority.crt', 'server.crt', 'expired.crt', 'server.key']) {
      copyFileSync(join(certs, name), join(server.dataDir, name))
      own(name)
    }
    chmodSync(join(server.dataDir, 'server.key'), 0o600)
    const rules = readFileSync(join(server.dataDir, 'pg_hba.conf'), 'utf8')
    const strict =
      'hostssl all tls_client all cert\nhost all secret all scram-sha-256\nhostssl all locked all trust\nhost all locked all reject\n'
    writeFileSync(join(server.dataDir, 'pg_hba.conf'), strict + rules)
    await server.query(`CREATE ROLE tls_client LOGIN; CREATE ROLE locked LOGIN; CREATE ROLE secret LOGIN PASSWORD 'hunter2'`)
    await serve('server.crt')
  })
  afterAll(() => server.stop())

  /** Until new sessions get this certificate (or none). */
  async function serve(certificate: string | null): Promise<void> {
    const lines = certificate
      ? `ssl = on\nssl_cert_file = '${certificate}'\nssl_key_file = 'server.key'\nssl_ca_file = 'authority.crt'\n`
      : 'ssl = off\n'
    const path = join(server.dataDir, 'postgresql.auto.conf')
    const rest = readFileSync(path, 'utf8').replace(/^ssl.*\n/gm, '')
    writeFileSync(path, rest + lines)
    await server.query('SELECT pg_reload_conf()')
    const wanted = certificate ?? 'off'
    await until(async () => {
      const found = await server.query(
        `SELECT CASE WHEN current_setting('ssl') = 'on' THEN current_setting('ssl_cert_file') ELSE 'off' END AS now`,
      )
      return found.rows[0]?.now === wanted
    })
  }

  const url = (query: string, { user = 'postgres', host = 'localhost' } = {}) =>
    `postgres://${user}@${host}:${server.port}/postgres?${query}`
  const trusting = `sslrootcert=${join(certs, 'authority.crt')}`
  const strange = `sslrootcert=${join(certs, 'stranger.crt')}`

  async function isEncrypted(text: string, options: ConnectOptions = {}): Promise<boolean> {
    const connection = await connect(text, options)
    try {
      return (await connection.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows[0].ssl
    } finally {
      await closeConnection(connection)
    }
  }
  const failureOf = (text: string) =>
    connect(text).then(
      () => null,
      (error: unknown) => error,
    )

  test.each<[string, string, boolean]>([
    ['sslmode=verify-full&AUTHORITY', 'localhost', true],
    ['sslmode=verify-full&AUTHORITY', '127.0.0.1', true],
    ['sslmode=verify-full&AUTHORITY&hostaddr=127.0.0.1', 'localhost', true],
    ['sslmode=verify-ca&AUTHORITY&hostaddr=127.0.0.1', 'db.example.com', true],
    ['sslmode=require&AUTHORITY&hostaddr=127.0.0.1', 'db.example.com', true],
    ['sslmode=require', 'localhost', true],
    // As libpq: what cannot be verified is not spoken with, and prefer goes on without.
    ['sslmode=prefer&STRANGER', 'localhost', false],
    ['sslmode=disable&AUTHORITY', 'localhost', false],
  ])('%s at %s', async (query, host, encrypted) => {
    const text = url(query.replace('AUTHORITY', trusting).replace('STRANGER', strange), { host })
    for (const options of [{}, { gulp: true }, { replication: true, gulp: true }]) expect(await isEncrypted(text, options)).toBe(encrypted)
  })

  test.each<[string, () => string, object]>([
    [
      'another authority',
      () => url(`sslmode=verify-full&${strange}`),
      { code: 'SOURCE_TLS_UNTRUSTED', hint: expect.stringContaining('sslrootcert=FILE') },
    ],
    ['another authority, where require has one', () => url(`sslmode=require&${strange}`), { code: 'SOURCE_TLS_UNTRUSTED' }],
    ['an authority that this machine does not trust', () => url('sslrootcert=system'), { code: 'SOURCE_TLS_UNTRUSTED' }],
    ['no authority named', () => url('sslmode=verify-full'), { code: 'SOURCE_TLS_UNTRUSTED' }],
    [
      'another name',
      () => url(`sslmode=verify-full&${trusting}&hostaddr=127.0.0.1`, { host: 'db.example.com' }),
      { code: 'SOURCE_TLS_NAME', message: expect.stringContaining('DNS:localhost'), hint: expect.stringContaining('hostaddr') },
    ],
    ['a file that is none', () => url(`sslrootcert=${certs}`), { code: 'SOURCE_TLS', message: expect.stringContaining('EISDIR') }],
  ])('is refused for %s', async (_, text, expected) => {
    expect(await failureOf(text())).toMatchObject(expected)
  })

  test('is refused for a certificate that is out of date, where it is looked at', async () => {
    await serve('expired.crt')
    expect(await failureOf(url(`sslmode=verify-ca&${trusting}`))).toMatchObject({
      code: 'SOURCE_TLS_EXPIRED',
      hint: expect.stringContaining('Renew'),
    })
    expect(await isEncrypted(url('sslmode=require'))).toBe(true)
    await serve('server.crt')
  })

  test('is missed where the server has none', async () => {
    await serve(null)
    expect(await failureOf(url('sslmode=require'))).toMatchObject({ code: 'SOURCE_TLS_MISSING', hint: expect.stringContaining('ssl = on') })
    expect(await isEncrypted(url('sslmode=prefer'))).toBe(false)
    await serve('server.crt')
  })

  test('logs in by a certificate of ours', async () => {
    const own = `sslmode=require&sslcert=${join(certs, 'client.crt')}`
    const as = { user: 'tls_client' }
    expect(await isEncrypted(url(`${own}&sslkey=${join(certs, 'client.key')}`, as))).toBe(true)
    const locked = `${own}&sslkey=${join(certs, 'client-locked.key')}`
    expect(await isEncrypted(url(`${locked}&sslpassword=opensesame`, as))).toBe(true)
    const wrong = await failureOf(url(`${locked}&sslpassword=hunter2`, as))
    expect(wrong).toMatchObject({ code: 'SOURCE_TLS' })
    expect(inspect(wrong, { depth: 9 })).not.toContain('hunter2')
    expect(await failureOf(url('sslmode=require', as))).toMatchObject({ code: 'SOURCE_AUTH' })
  })

  test('binds the login to the session where that is asked for', async () => {
    const as = { user: 'secret:hunter2' }
    expect(await isEncrypted(url('sslmode=require&channel_binding=require', as))).toBe(true)
    expect(await failureOf(url('sslmode=disable&channel_binding=require', as))).toMatchObject({ code: 'SOURCE_AUTH' })
    expect(await isEncrypted(url('require_auth=scram-sha-256', as))).toBe(true)
    expect(await failureOf(url('require_auth=md5', as))).toMatchObject({
      code: 'SOURCE_AUTH',
      message: expect.stringContaining('require_auth'),
    })
    expect(await failureOf(url('require_auth=scram-sha-256'))).toMatchObject({ code: 'SOURCE_AUTH' })
  })

  test.runIf(major >= 17)('begins at once where the server can', async () => {
    for (const options of [{}, { gulp: true }])
      expect(await isEncrypted(url(`sslmode=verify-full&sslnegotiation=direct&${trusting}`), options)).toBe(true)
  })

  test('carries the log, in gulps below it', async () => {
    const database = await server.createDatabase()
    await server.query('CREATE TABLE public.t(id int PRIMARY KEY, v text); CREATE PUBLICATION p FOR TABLE public.t', [], database)
    const source = `postgres://postgres@localhost:${server.port}/${database}?sslmode=verify-full&${trusting}`
    const connection = await connect(source)
    const { position } = await createSlot(connection, { slot: `tls_${major}`, state: memoryState(), log: silent, failover: false })
    const stop = new AbortController()
    let bytes = 0
    const events = { data: (chunk: Buffer) => void (bytes += chunk.length), failed: () => {} }
    const options = {
      url: source,
      slot: `tls_${major}`,
      publications: ['p'],
      from: position,
      acknowledged: null,
      slotWaitMs: 1000,
      remember: async () => {},
    }
    const session = await openSession(options, events, stop.signal)
    await server.query(`INSERT INTO public.t SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) i`, [], database)
    await until(() => bytes > 5_000_000)
    const walsenders = await connection.query(`SELECT s.ssl FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)`)
    expect(walsenders.rows).toEqual([{ ssl: true }])
    session.close()
    await until(async () => (await server.query(`SELECT 1 FROM pg_replication_slots WHERE active`)).rowCount === 0)
    await server.query(`SELECT pg_drop_replication_slot('tls_${major}')`)
    await closeConnection(connection)
  })
})
