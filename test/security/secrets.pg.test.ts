import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'

// Dozens of processes: on a busy machine each has little of it.
vi.setConfig({ testTimeout: 240_000 })

const SIGNING = `whsec_${Buffer.from('S3CRET-signing-and-some-more-bytes').toString('base64')}`
const SECRETS = ['S3CRET', SIGNING.slice(6), Buffer.from('ada:S3CRET-basic').toString('base64')]

let server: PostgresServer
/** Refuses everything, and says back what it was sent. */
const echo = createServer((request, response) => {
  let body = ''
  request.on('data', (piece: Buffer) => (body += piece.toString()))
  request.on('end', () => {
    response.statusCode = 401
    response.end(JSON.stringify({ headers: request.headers, url: request.url, body }))
  })
})
let port = 0
beforeAll(async () => {
  server = await startPostgres(testedMajors()[0])
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  port = (echo.address() as AddressInfo).port // it listens
  await server.query(`CREATE ROLE guarded LOGIN PASSWORD 'right' REPLICATION`)
  const rules = ['all guarded 127.0.0.1/32 scram-sha-256', 'all all 127.0.0.1/32 trust', 'replication all 127.0.0.1/32 trust']
  writeFileSync(join(server.dataDir, 'pg_hba.conf'), rules.map((rule) => `host ${rule}\n`).join(''))
  await server.query('SELECT pg_reload_conf()')
})
afterAll(async () => {
  echo.close()
  await server.stop()
})

const http = (more: string) => `{ type: http, ${more} }`
/** Each fails, with secrets wherever the part has room for one. `source`: its URL's user and parameters. */
const CASES: Record<string, { sink(): string; user?: string; parameters?: string; more?: string }> = {
  'http: token, headers, signing secret, URL': {
    sink: () =>
      http(
        `url: "http://127.0.0.1:${port}/in?token=S3CRET-query", secrets: ${SIGNING}, token: S3CRET-token, headers: { x-api-key: S3CRET-header }`,
      ),
  },
  'http: basic': { sink: () => http(`url: "http://127.0.0.1:${port}/in", username: ada, password: S3CRET-basic`) },
  'http: nobody there, password in the URL': { sink: () => http('url: "http://ada:S3CRET-basic@127.0.0.1:1/in", retryFor: 0ms') },
  'kafka: SASL and a key': {
    sink: () =>
      '{ type: kafka, brokers: ["127.0.0.1:1"], sasl: { mechanism: plain, username: ada, password: S3CRET-sasl }, tls: { passphrase: S3CRET-phrase } }',
  },
  'kafka: OAuth': {
    sink: () =>
      `{ type: kafka, brokers: ["127.0.0.1:1"], sasl: { mechanism: oauthbearer, oauth: { endpoint: "http://127.0.0.1:${port}/token", clientId: ada, clientSecret: S3CRET-client } } }`,
  },
  'parquet: S3 keys': {
    sink: () =>
      `{ type: parquet, path: "s3://lake/shop", endpoint: "http://127.0.0.1:${port}", accessKeyId: ada, secretAccessKey: S3CRET-s3, sessionToken: S3CRET-session }`,
  },
  'postgres: a wrong password': { sink: () => '{ type: discard }', user: 'guarded:S3CRET-password' },
  'postgres: a password as a parameter, of a server that is not there': {
    sink: () => '{ type: discard }',
    user: 'guarded',
    parameters: '&password=S3CRET-parameter&sslpassword=S3CRET-key&sslmode=verify-full',
  },
  'a configuration with mistakes': {
    sink: () => '{ type: discard, pasword: S3CRET-typo, url: "http://a:S3CRET-basic@b" }',
    more: 'tokn: S3CRET-top\n',
  },
}

async function folderOf({ sink, user = 'postgres:S3CRET-url', parameters = '', more = '' }: (typeof CASES)[string]): Promise<string> {
  const database = await server.createDatabase('secret')
  await server.query('CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, $$x$$)', [], database)
  const url = new URL(server.url(database))
  const address = `postgres://${user}@${url.host}${url.pathname}${url.search === '' ? '?' : url.search}${parameters}`
  return folderWith({ 'millrace.yaml': `name: ${database}\nsource: { type: postgres, url: "${address}" }\nsinks:\n  - ${sink()}\n${more}` })
}

/** Runs until it ends, or says for the second time that it tries again; then it is asked to end. */
async function runToFailure(cwd: string, form: string): Promise<string> {
  const run = startMillrace(['run', '-c', 'millrace.yaml', '--log', form, '--verbose', '--until', 'caught-up'], { cwd })
  await until(() => run.child.exitCode !== null || /retry|trying again/.test(run.output.stderr), 60_000, 'a failure')
  run.child.kill('SIGTERM')
  const { code, stdout, stderr } = await run.finished
  expect(code, stderr).not.toBeNull()
  return stdout + stderr
}

const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'millrace.yaml')
    .map((entry) => join(entry.parentPath, entry.name))

test.each(Object.entries(CASES))('no secret is said or written by what fails: %s', async (_, parts) => {
  const cwd = await folderOf(parts)
  const said: Record<string, string> = {}
  const say = async (...words: string[]) => {
    const { stdout, stderr } = await millrace([...words, '-c', 'millrace.yaml'], { cwd })
    said[words.join(' ')] = stdout + stderr
  }
  await Promise.all([say('config', 'print'), say('config', 'validate', '--json'), say('check')])
  said['run, JSON'] = await runToFailure(cwd, 'json')
  said['run, text'] = await runToFailure(cwd, 'pretty')
  await say('status', '--json')
  expect(Object.values(said).filter((text) => text.length > 0).length).toBeGreaterThan(5)
  const found = Object.entries(said).flatMap(([where, text]) =>
    text
      .split('\n')
      .filter((line) => SECRETS.some((secret) => line.includes(secret)))
      .map((line) => `${where}: ${line.slice(0, 400)}`),
  )
  const written = filesBelow(cwd).filter((path) => SECRETS.some((secret) => readFileSync(path).includes(secret)))
  expect({ found, written }).toEqual({ found: [], written: [] })
})
