import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseSourceUrl } from './source-url.ts'

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-home-'))
  mkdirSync(join(home, 'with-roots', '.postgresql'), { recursive: true })
  writeFileSync(join(home, 'with-roots', '.postgresql', 'root.crt'), '')
  writeFileSync(join(home, '.pg_service.conf'), '# ours\n[other]\nhost=other\n\n[shop]\nhost=from-service\nport=6000\nuser=service\n')
  writeFileSync(join(home, 'bad-service.conf'), '[shop]\nhots=x\n')
})
afterAll(() => rmSync(home, { recursive: true }))

const parse = (text: string | undefined, env: Record<string, string> = {}) =>
  parseSourceUrl(text, { env: { HOME: home, USER: 'me', ...env } })
const hostsOf = (text: string | undefined, env: Record<string, string> = {}) =>
  parse(text, env).hosts.map(({ host, port, address }) => `${host}:${port}${address ? ` at ${address}` : ''}`)
const reasonOf = (text: string, env: Record<string, string> = {}) => {
  try {
    parse(text, env)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

describe('defaults', () => {
  test('come from the environment where the string is silent', () => {
    const env = {
      PGHOST: 'a,b',
      PGPORT: '1,2',
      PGUSER: 'ada',
      PGDATABASE: 'shop',
      PGPASSWORD: 'secret',
      PGAPPNAME: 'mine',
      PGCONNECT_TIMEOUT: '3',
    }
    for (const text of [undefined, 'postgres://', 'postgresql:///'])
      expect(parse(text, env)).toMatchObject({
        user: 'ada',
        database: 'shop',
        applicationName: 'mine',
        connectTimeoutMs: 3000,
        session: 'primary',
      })
    expect(parse(undefined, env).password).toBe('secret')
    expect(hostsOf(undefined, env)).toEqual(['a:1', 'b:2'])
    expect(hostsOf('postgres://c/x', { ...env, PGPORT: '7' })).toEqual(['c:7'])
    expect(parse('postgres://bea@c:7,d:8/x', env)).toMatchObject({ user: 'bea', database: 'x' })
  })

  test('are those of libpq where the environment is silent too', () => {
    expect(parse('postgres://')).toMatchObject({
      user: 'me',
      database: 'me',
      applicationName: 'millrace',
      session: 'any',
      connectTimeoutMs: 10_000,
      keepAlive: true,
      passwordFile: join(home, '.pgpass'),
      tls: { mode: 'prefer', roots: null, certificate: null },
    })
    expect(hostsOf('postgres://')).toEqual([':5432'])
  })

  test('come from a service before the environment', () => {
    expect(hostsOf('postgres://?service=shop', { PGHOST: 'x', PGPORT: '1' })).toEqual(['from-service:6000'])
    expect(parse('user=ada service=shop').user).toBe('ada')
    expect(parse(undefined, { PGSERVICE: 'shop' }).user).toBe('service')
    expect(reasonOf('service=nowhere')).toContain('the service nowhere is not defined')
    expect(reasonOf('service=shop', { PGSERVICEFILE: join(home, 'bad-service.conf') })).toContain('did you mean host?')
  })
})

test.each<[string, string[]]>([
  ['postgres://a:1,b:2/x', ['a:1', 'b:2']],
  ['postgres://a,b/x?port=7', ['a:7', 'b:7']],
  ['host=a,b port=7,8', ['a:7', 'b:8']],
  ['host=db hostaddr=10.0.0.1', ['db:5432 at 10.0.0.1']],
  ['hostaddr=10.0.0.1,10.0.0.2', ['10.0.0.1:5432 at 10.0.0.1', '10.0.0.2:5432 at 10.0.0.2']],
])('%s leads to %j', (text, hosts) => {
  expect(hostsOf(text)).toEqual(hosts)
})

test.each<[string, string]>([
  ['postgres://a/x?sslmod=require', 'sslmod is no parameter of libpq (did you mean sslmode?)'],
  ['postgres://a/x?schema=public', 'choose the tables by `source.tables`'],
  ['postgres://a/x?sslmode=no-verify', 'sslmode is none of disable, allow, prefer'],
  ['postgres://a/x?target_session_attrs=master', 'target_session_attrs is none of any, read-write'],
  ['postgres://a/x?connect_timeout=soon', 'connect_timeout is not a number'],
  ['postgres://a/x?gssencmode=require', 'GSS encryption is not supported'],
  ['postgres://a/x?requirepeer=postgres', 'requirepeer cannot be had'],
  ['postgres://a/x?sslnegotiation=direct', 'sslnegotiation=direct needs sslmode=require'],
  ['postgres://a/x?sslrootcert=system&sslmode=require', 'sslrootcert=system needs sslmode=verify-full'],
  ['postgres://a/x?sslmode=verify-ca', 'sslmode=verify-ca needs the certificate of the authority'],
  ['postgres://a/x?ssl_min_protocol_version=SSLv3', 'ssl_min_protocol_version is none of TLSv1'],
  ['postgres://a:0/x', 'a port is not a number between 1 and 65535'],
  ['host=a,b port=1,2,3', 'the number of ports (3) is not that of hosts (2)'],
  ['host=a,b hostaddr=1.1.1.1', 'host names 2 places and hostaddr 1'],
  ['host=@abstract', 'abstract sockets are not supported'],
])('%s is refused: %s', (text, reason) => {
  expect(reasonOf(text)).toContain(reason)
})

test('accepts what changes nothing here', () => {
  const harmless =
    'gssencmode=prefer&krbsrvname=x&client_encoding=latin1&tcp_user_timeout=1&pgbouncer=true&connection_limit=1&uselibpqcompat=true&replication=database'
  expect(reasonOf(`postgres://a/x?${harmless}`)).toBeNull()
})

test('a standby among several hosts is passed over, unless somebody asks for it', () => {
  expect(parse('postgres://a/x').session).toBe('any')
  expect(parse('postgres://a,b/x').session).toBe('primary')
  expect(parse('postgres://a,b/x?target_session_attrs=any').session).toBe('any')
})

describe('sslmode', () => {
  test.each<[string, Record<string, string>, object]>([
    ['sslmode=require', {}, { mode: 'require', roots: null }],
    ['sslmode=require sslrootcert=/ca', {}, { mode: 'require', roots: { file: '/ca' } }],
    ['sslrootcert=system', {}, { mode: 'verify-full', roots: 'system' }],
    ['sslmode=disable sslrootcert=system', {}, { mode: 'disable' }],
    ['host=a', { PGSSLMODE: 'verify-full', PGSSLROOTCERT: '/ca' }, { mode: 'verify-full', roots: { file: '/ca' } }],
    ['host=a requiressl=1', {}, { mode: 'require' }],
    ['sslcert=/c', {}, { certificate: { file: '/c' } }],
    ['sslcert=/c sslkey=/k sslcertmode=disable', {}, { certificate: null }],
    ['sslmode=require sslnegotiation=direct', {}, { isDirect: true }],
  ])('%s', (text, env, tls) => {
    expect(parse(text, env).tls).toMatchObject(tls)
  })

  test('takes the root certificate of the home folder, as libpq does', () => {
    const env = { HOME: join(home, 'with-roots') }
    expect(parse('sslmode=verify-ca', env).tls).toMatchObject({
      mode: 'verify-ca',
      roots: { file: join(env.HOME, '.postgresql', 'root.crt') },
    })
  })
})

test('no secret of a target can be seen', () => {
  const target = parse('host=a password=hunter2 sslpassword=hunter3', { PGPASSWORD: 'hunter4' })
  expect([target.password, target.tls.keyPassword]).toEqual(['hunter2', 'hunter3'])
  expect(inspect(target, { depth: 9 }) + JSON.stringify(target)).not.toContain('hunter')
})
