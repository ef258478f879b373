/** What docs/guides/kinesis.md says to run does what it says, from Postgres to what a reader of the stream finds. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKinesalite, type KinesaliteServer } from '../../../test/servers/kinesalite.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import { folderWith, millrace, ROOT } from '../../cli/run-cli.fixture.ts'
import { createStream, textsByKey, type TestStream } from './stream-server.fixture.ts'

const guide = readFileSync(join(ROOT, 'docs/guides/kinesis.md'), 'utf8')
const block = (language: string) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(guide)?.[1] ?? ''

let server: PostgresServer
let service: KinesaliteServer
let stream: TestStream
beforeAll(async () => {
  server = await startPostgres(testedMajors()[0])
  service = await startKinesalite()
}, 300_000)
afterAll(async () => {
  await service?.stop()
  await server?.stop()
})

/** As AWS' own tools have it. */
const awsEnv = (): Record<string, string> => ({
  AWS_ENDPOINT_URL_KINESIS: service.settings.endpoint,
  AWS_ACCESS_KEY_ID: service.settings.accessKeyId,
  AWS_SECRET_ACCESS_KEY: service.settings.secretAccessKey,
})

async function createShop(): Promise<{ url: string; name: string; sql: (text: string) => Promise<unknown> }> {
  const name = await server.createDatabase('kinesis')
  const sql = (text: string) => server.query(text, [], name)
  await sql(`CREATE TABLE orders (id int PRIMARY KEY, status text); INSERT INTO orders SELECT i, 'open' FROM generate_series(1, 100) i`)
  stream = await createStream(service.settings)
  return { url: server.url(name), name, sql }
}

type Line = { op: string; key: { id: number } }

/** What happened to each order, as a reader of its shard sees it. */
async function opsByOrder(): Promise<Map<number, string[]>> {
  const ops = new Map<number, string[]>()
  for (const { text } of await stream.records()) {
    const { op, key } = JSON.parse(text) as Line // native
    ops.set(key.id, [...(ops.get(key.id) ?? []), op])
  }
  return ops
}

function expectOps(ops: Map<number, string[]>): void {
  expect(ops.size).toBe(100)
  for (const [id, ofOrder] of ops) {
    if (id <= 20) expect(ofOrder, `order ${id}`).toEqual(['read', 'update', 'update', 'delete'])
    else expect(ofOrder, `order ${id}`).toEqual(['read', 'update'])
  }
}

const CHANGES = `UPDATE orders SET status = 'paid'; UPDATE orders SET status = 'sent' WHERE id <= 20; DELETE FROM orders WHERE id <= 20`

test('the configuration runs, and each order is read, then changed, in its order', { timeout: 120_000 }, async () => {
  const { url, name, sql } = await createShop()
  const yaml = block('yaml').replace('name: shop', `name: ${name}`).replace('stream: shop', `stream: ${stream.name}`)
  const cwd = folderWith({ 'millrace.yaml': yaml })
  const env = { ...awsEnv(), DATABASE_URL: url }
  const run = () => millrace(['run', '-c', 'millrace.yaml', '--until', 'caught-up'], { cwd, env })
  expect(await millrace(['check', '-c', 'millrace.yaml'], { cwd, env })).toMatchObject({ code: 0 })
  expect(await run()).toMatchObject({ code: 0 })
  await sql(CHANGES)
  expect(await run()).toMatchObject({ code: 0 })
  expectOps(await opsByOrder())
  await stream.remove()
})

test('the command line names a stream, and tells how to look at it', { timeout: 120_000 }, async () => {
  const { url } = await createShop()
  const args = ['run', url, `kinesis:${stream.name}`, '--until', 'caught-up']
  const ran = await millrace(args, { cwd: folderWith({}), env: { ...awsEnv(), AWS_REGION: service.settings.region } })
  expect(ran.code, ran.stderr).toBe(0)
  expect(ran.stdout + ran.stderr).toContain(`aws kinesis get-records`)
  expect(await stream.records()).toHaveLength(100)
  const missing = await millrace(['run', url, 'kinesis:nowhere', '--until', 'caught-up'], {
    cwd: folderWith({}),
    env: { ...awsEnv(), AWS_REGION: service.settings.region },
  })
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain('SINK_STREAM_MISSING')
  await stream.remove()
})

test('the program runs, and its function chooses the partition keys', { timeout: 120_000 }, async () => {
  const { url, name, sql } = await createShop()
  const program = block('ts')
    .replace("from 'millrace'", `from '${join(ROOT, 'src/index.ts')}'`)
    .replace("name: 'shop'", `name: '${name}'`)
  const cwd = folderWith({ 'program.ts': program })
  const env = { ...awsEnv(), AWS_REGION: service.settings.region, DATABASE_URL: url, STREAM: stream.name }
  const run = () => millrace([], { bin: join(cwd, 'program.ts'), cwd, env })
  expect(await run()).toMatchObject({ code: 0, stderr: '' })
  await sql(CHANGES)
  expect(await run()).toMatchObject({ code: 0, stderr: '' })
  expectOps(await opsByOrder())
  const keys = [...textsByKey(await stream.records()).keys()].map(Number)
  expect(keys.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, at) => at))
  await stream.remove()
})

test('a record that is too large is set aside and named, and the others arrive', { timeout: 120_000 }, async () => {
  const { url, name, sql } = await createShop()
  const yaml = block('yaml').replace('name: shop', `name: ${name}`).replace('stream: shop', `stream: ${stream.name}`)
  const cwd = folderWith({ 'millrace.yaml': yaml })
  const env = { ...awsEnv(), DATABASE_URL: url }
  const run = () => millrace(['run', '-c', 'millrace.yaml', '--until', 'caught-up'], { cwd, env })
  expect(await run()).toMatchObject({ code: 0 })
  await sql(`UPDATE orders SET status = repeat('x', 2000000) WHERE id = 50; UPDATE orders SET status = 'paid' WHERE id <> 50`)
  await run()
  const ops = await opsByOrder()
  expect(ops.size).toBe(100)
  for (const [id, ofOrder] of ops) expect(ofOrder, `order ${id}`).toEqual(id === 50 ? ['read'] : ['read', 'update'])
  const letters = await millrace(['dlq', 'list', '-c', 'millrace.yaml'], { cwd, env })
  expect(letters.stdout).toContain('SINK_RECORD_TOO_LARGE')
  expect(letters.stdout).toContain('public.orders')
  await stream.remove()
})
