import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batchOf, insertOf, userRow, usersTable } from '../../testing/fixtures.ts'
import { startKafka, type KafkaServer } from '../../../test/servers/kafka.ts'
import { openSink, settingsOn, signal } from './sink.fixture.ts'

const certificate = (name: string) => readFileSync(new URL(`../../../test/certs/${name}`, import.meta.url), 'utf8')
/** As a value of server.properties. */
const inline = (text: string) => text.trim().replaceAll('\n', String.raw`\n`)
const PASSWORD = 'open,sesame'
const jaas = (module: string, options: string) => `org.apache.kafka.common.security.${module} required ${options};`

/** Each listener asks for something else. */
const SETTINGS = {
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.certificate.chain': inline(certificate('server.crt')),
  'ssl.keystore.key': inline(certificate('server.key')),
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.certificates': inline(certificate('authority.crt')),
  'listener.name.ssl.ssl.client.auth': 'required',
  'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
  'listener.name.sasl_plaintext.plain.sasl.jaas.config': jaas('plain.PlainLoginModule', `user_ada="${PASSWORD}"`),
  'listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config': jaas('scram.ScramLoginModule', ''),
  'listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config': jaas('scram.ScramLoginModule', ''),
  'listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config': jaas(
    'oauthbearer.OAuthBearerLoginModule',
    'unsecuredLoginStringClaim_sub="broker"',
  ),
  'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
  'listener.name.sasl_ssl.plain.sasl.jaas.config': jaas('plain.PlainLoginModule', `user_ada="${PASSWORD}"`),
  'listener.name.sasl_ssl.sasl.enabled.mechanisms': 'PLAIN',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found': 'false',
  'super.users': 'User:ada;User:ANONYMOUS;User:CN=tls_client',
}

let server: KafkaServer
beforeAll(async () => {
  const listeners = ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL']
  server = await startKafka({ listeners, settings: SETTINGS, users: { ada: PASSWORD.replace(',', ''), bob: 'builder' } })
}, 600_000)
afterAll(() => server?.stop())

const users = usersTable()
const scram = PASSWORD.replace(',', '')

async function writes(listener: string, settings: object): Promise<number> {
  const place = settingsOn({ address: () => server.address(listener) }, settings as Record<string, unknown>)
  const { sink } = await openSink(place)
  try {
    await sink.write(batchOf(1, insertOf(users, userRow(1))), signal)
  } finally {
    await sink[Symbol.asyncDispose]()
  }
  return (await server.reader().read(`${place.prefix}.public.users`)).length
}

const tls = { ca: certificate('authority.crt') }
const own = { certificate: certificate('client.crt'), privateKey: certificate('client.key') }

test.each([
  ['PLAIN', 'SASL_PLAINTEXT', { sasl: { mechanism: 'plain', username: 'ada', password: PASSWORD } }],
  ['SCRAM-SHA-256', 'SASL_PLAINTEXT', { sasl: { mechanism: 'scram-sha-256', username: 'ada', password: scram } }],
  ['SCRAM-SHA-512', 'SASL_PLAINTEXT', { sasl: { mechanism: 'scram-sha-512', username: 'ada', password: scram } }],
  ['OAUTHBEARER', 'SASL_PLAINTEXT', { sasl: { mechanism: 'oauthbearer', token: unsignedToken('ada') } }],
  ['PLAIN over TLS', 'SASL_SSL', { tls, sasl: { mechanism: 'plain', username: 'ada', password: PASSWORD } }],
  ['certificates of both', 'SSL', { tls: { ...tls, ...own } }],
  ['a locked key', 'SSL', { tls: { ...tls, ...own, privateKey: certificate('client-locked.key'), passphrase: 'opensesame' } }],
])('logs in by %s', async (_title, listener, settings) => {
  expect(await writes(listener, settings)).toBe(1)
})

test('a token is asked for where one is given out, with the secret where it belongs', async () => {
  const asked: string[] = []
  const tokens = createServer((request, response) => {
    let body = ''
    request
      .on('data', (part: Buffer) => (body += part.toString()))
      .on('end', () => {
        asked.push(`${request.headers.authorization} ${body}`)
        response.end(JSON.stringify({ access_token: unsignedToken('ada'), expires_in: 60 }))
      })
  }).listen(0, '127.0.0.1')
  await once(tokens, 'listening')
  const { port } = tokens.address() as { port: number } // it listens
  const oauth = { endpoint: `http://127.0.0.1:${port}/token`, clientId: 'me', clientSecret: 's:ecret', scope: 'kafka' }
  try {
    expect(await writes('SASL_PLAINTEXT', { sasl: { mechanism: 'oauthbearer', oauth } })).toBe(1)
  } finally {
    tokens.close()
  }
  expect(asked[0]).toBe(`Basic ${Buffer.from('me:s%3Aecret').toString('base64')} grant_type=client_credentials&scope=kafka`)
})

test.each([
  ['a wrong password', 'SASL_PLAINTEXT', { sasl: { mechanism: 'plain', username: 'ada', password: 'wrong-one' } }, 'KAFKA_LOGIN'],
  [
    'a wrong password of SCRAM',
    'SASL_PLAINTEXT',
    { sasl: { mechanism: 'scram-sha-256', username: 'ada', password: 'wrong-one' } },
    'KAFKA_LOGIN',
  ],
  [
    'a mechanism that is not there',
    'SASL_SSL',
    { tls, sasl: { mechanism: 'scram-sha-256', username: 'ada', password: scram } },
    'KAFKA_LOGIN',
  ],
  [
    'an authority nobody knows',
    'SASL_SSL',
    { tls: { ca: certificate('stranger.crt') }, sasl: { mechanism: 'plain', username: 'ada', password: PASSWORD } },
    'KAFKA_TLS',
  ],
  ['no encryption where it is asked for', 'SSL', {}, 'KAFKA_TLS'],
  ['no certificate where one is asked for', 'SSL', { tls }, 'KAFKA_TLS'],
  [
    'a user who may nothing',
    'SASL_PLAINTEXT',
    { sasl: { mechanism: 'scram-sha-256', username: 'bob', password: 'builder' } },
    'KAFKA_FORBIDDEN',
  ],
])('%s is told for a person to see to, without the secret', async (_title, listener, settings, code) => {
  const error = await writes(listener, settings).then(
    () => ({ code: 'no error', message: '' }),
    (thrown: Error & { code: string }) => thrown,
  )
  expect(error).toMatchObject({ code, kind: 'operator' })
  expect(error.message).not.toMatch(/wrong-one|builder|PRIVATE/)
})

/** What a broker without keys of its own takes; for tests alone. */
function unsignedToken(user: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  return `${part({ alg: 'none' })}.${part({ sub: user, iat: now, exp: now + 3600 })}.`
}
