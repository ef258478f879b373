/** The command line from a real Postgres into a real Kafka, as a user runs it. */
import { setTimeout as passed } from 'node:timers/promises'
import { Admin } from '@platformatic/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'
import { startKafka, type KafkaServer } from '../servers/kafka.ts'

let server: PostgresServer
let kafka: KafkaServer
beforeAll(async () => {
  server = await startPostgres(testedMajors()[0])
  kafka = await startKafka()
}, 600_000)
afterAll(async () => {
  await kafka?.stop()
  await server?.stop()
})

const ACCOUNTS = `CREATE TABLE accounts (id int PRIMARY KEY, version int NOT NULL, note text);
  INSERT INTO accounts SELECT g, 0, 'account ' || g FROM generate_series(1, 500) g`
/** Each raises the versions of a few accounts by one. */
const RAISE = 'UPDATE accounts SET version = version + 1 WHERE id % 50 = (random() * 49)::int'

type Seen = { op: string; key: { id: number }; after: { version: number }; position: string; ordinal: number }
const valuesOf = async (topic: string): Promise<(Seen & { partition: number; expected: number })[]> =>
  (await kafka.reader().read(topic)).map(({ value, partition, expected }) => ({ ...JSON.parse(String(value)), partition, expected }))

test('run SOURCE kafka://… copies and follows without a file, into topics by the prefix', async () => {
  const database = await server.createDatabase('brief')
  await server.query(ACCOUNTS, [], database)
  const cwd = folderWith({})
  const run = await millrace(['run', server.url(database), `kafka://${kafka.address()}/${database}`, '--until', 'caught-up'], { cwd })
  expect(run.code, run.stderr).toBe(0)
  expect(run.stderr).toContain('kafka-console-consumer.sh')
  const rows = await valuesOf(`${database}.public.accounts`)
  expect(rows).toHaveLength(500)
  expect(rows.every(({ op, partition, expected }) => op === 'read' && partition === expected)).toBe(true)
  await server.query('UPDATE accounts SET version = 1 WHERE id = 7', [], database)
  const again = await millrace(['run', server.url(database), `kafka://${kafka.address()}/${database}`, '--until', 'caught-up'], { cwd })
  expect(again.code, again.stderr).toBe(0)
  const all = await valuesOf(`${database}.public.accounts`)
  expect(all.slice(500)).toMatchObject([{ op: 'update', key: { id: 7 }, after: { version: 1 } }])
})

test(
  'killed again and again under load, with the broker too, every version of every account is there once and in order',
  { timeout: 240_000 },
  async () => {
    const database = await server.createDatabase('kills')
    await server.query(ACCOUNTS, [], database)
    const sink = `{ type: kafka, brokers: ["${kafka.address()}"], topic: "${database}.\${schema}.\${table}", createTopics: { partitions: 3 } }`
    const cwd = folderWith({
      'shop.yaml': `name: ${database}\nsource: { type: postgres, url: "\${env:SHOP_URL}" }\nsnapshot: { chunkSize: 64kB }\nsinks: [${sink}]\n`,
    })
    const env = { SHOP_URL: server.url(database) }
    const client = await server.connect(database)
    let isOver = false
    const writing = (async () => {
      while (!isOver) await client.query(RAISE)
    })()
    for (let round = 0; round < 6; round++) {
      const run = startMillrace(['run', '-c', 'shop.yaml'], { cwd, env })
      await until(() => run.output.stderr.includes('"started"') || run.child.exitCode !== null, 60_000, 'the start')
      expect(run.child.exitCode, run.output.stderr).toBeNull()
      // Where the kill falls is chance; that is the point.
      await passed(100 + ((round * 7919) % 13) * 100)
      if (round === 3) await kafka.halt('SIGKILL')
      run.child.kill('SIGKILL')
      await run.finished
      if (round === 3) await kafka.start()
    }
    isOver = true
    await writing
    const last = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd, env })
    expect(last.code, last.stderr).toBe(0)
    const { rows } = await client.query('SELECT id, version FROM accounts')
    await client.end()

    const seen = await valuesOf(`${database}.public.accounts`)
    expect(seen.filter(({ partition, expected }) => partition !== expected)).toEqual([])
    const changes = seen.filter(({ op }) => op === 'update')
    expect(new Set(changes.map(({ position, ordinal }) => `${position}/${ordinal}`)).size, 'none twice').toBe(changes.length)
    const reached = new Map<number, number>()
    const updated = new Map<number, number>()
    for (const { op, key, after } of seen) {
      reached.set(key.id, after.version)
      if (op !== 'update') continue
      // A row of the copy may show what the stream tells later; the changes themselves follow each other.
      expect(after.version, `account ${key.id}`).toBe((updated.get(key.id) ?? after.version - 1) + 1)
      updated.set(key.id, after.version)
    }
    expect(new Map([...reached].sort(([a], [b]) => a - b))).toEqual(
      new Map(rows.map(({ id, version }) => [id, version] as const).sort(([a], [b]) => a - b)),
    )
  },
)

test('a broker that goes away and comes back is waited for, and nothing is missing', { timeout: 120_000 }, async () => {
  const database = await server.createDatabase('away')
  await server.query(ACCOUNTS, [], database)
  const sink = `{ type: kafka, brokers: ["${kafka.address()}"], topic: "${database}.\${schema}.\${table}" }`
  const cwd = folderWith({ 'shop.yaml': `name: ${database}\nsource: { type: postgres, url: "\${env:SHOP_URL}" }\nsinks: [${sink}]\n` })
  const env = { SHOP_URL: server.url(database) }
  await kafka.halt('SIGKILL')
  const run = startMillrace(['run', '-c', 'shop.yaml', '--log', 'json'], { cwd, env })
  await until(() => run.output.stderr.includes('KAFKA_UNREACHABLE') || run.child.exitCode !== null, 60_000, 'the refusal')
  expect(run.child.exitCode, run.output.stderr).toBeNull()
  await kafka.start()
  await until(async () => (await valuesOf(`${database}.public.accounts`)).length === 500, 60_000, 'the copy')
  await kafka.halt('SIGKILL')
  for (let n = 1; n <= 20; n++) await server.query(`UPDATE accounts SET version = ${n} WHERE id = 1`, [], database)
  await kafka.start()
  await until(async () => (await valuesOf(`${database}.public.accounts`)).length >= 520, 60_000, 'the changes')
  run.child.kill('SIGTERM')
  expect(await run.finished).toMatchObject({ code: 0 })
  const changes = (await valuesOf(`${database}.public.accounts`)).slice(500)
  expect(changes.map(({ after }) => after.version)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
})

test(
  'a message that is too large is set aside, the rest arrives exactly once, and it is given again once the topic takes it',
  { timeout: 120_000 },
  async () => {
    const database = await server.createDatabase('large')
    await server.query(ACCOUNTS, [], database)
    const topic = `${database}.public.accounts`
    const made = 'createTopics: { partitions: 1, settings: { max.message.bytes: "20000" } }'
    const sink = `{ type: kafka, brokers: ["${kafka.address()}"], topic: "${database}.\${schema}.\${table}", compression: none, ${made} }`
    const cwd = folderWith({ 'shop.yaml': `name: ${database}\nsource: { type: postgres, url: "\${env:SHOP_URL}" }\nsinks: [${sink}]\n` })
    const options = { cwd, env: { SHOP_URL: server.url(database) } }
    const run = () => millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up', '--log', 'json'], options)
    expect(await run()).toMatchObject({ code: 0 })
    await server.query(`UPDATE accounts SET version = 1 WHERE id <= 10`, [], database)
    await server.query(`UPDATE accounts SET version = 2, note = repeat('secret', 10000) WHERE id = 5`, [], database)
    await server.query(`UPDATE accounts SET version = 3, note = 'small' WHERE id <= 6`, [], database)
    const second = await run()
    expect(second.code, second.stderr).toBe(0)
    expect(second.stderr).toContain('KAFKA_MESSAGE_TOO_LARGE')
    expect(second.stderr).toContain('public.accounts')
    expect(second.stderr).not.toContain('secret')
    const changes = async () => (await valuesOf(topic)).filter(({ op }) => op === 'update')
    const found = await changes()
    expect(found).toHaveLength(10 + 5)
    expect(found.filter(({ key }) => key.id === 5).map(({ after }) => after.version)).toEqual([1])

    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.address()] })
    await admin.incrementalAlterConfigs({
      resources: [{ resourceType: 2, resourceName: topic, configs: [{ name: 'max.message.bytes', value: '1000000', configOperation: 0 }] }],
    })
    await admin.close()
    const running = startMillrace(['run', '-c', 'shop.yaml', '--log', 'json'], options)
    await until(() => running.output.stderr.includes('"started"') || running.child.exitCode !== null, 60_000, 'the start')
    const retried = await millrace(['dlq', 'retry', '-c', 'shop.yaml', '--all'], options)
    expect(retried.code, retried.stderr).toBe(0)
    running.child.kill('SIGTERM')
    expect(await running.finished).toMatchObject({ code: 0 })
    const all = await changes()
    expect(all).toHaveLength(10 + 5 + 2)
    expect(all.filter(({ key }) => key.id === 5).map(({ after }) => after.version)).toEqual([1, 2, 3])
  },
)

test('Debezium’s format names its topics itself, under its prefix', async () => {
  const database = await server.createDatabase('debezium')
  await server.query(ACCOUNTS, [], database)
  const format = `{ type: debezium, topic.prefix: ${database}, key.converter.schemas.enable: false, value.converter.schemas.enable: false }`
  const sink = `{ type: kafka, brokers: ["${kafka.address()}"], format: ${format} }`
  const cwd = folderWith({ 'shop.yaml': `name: ${database}\nsource: { type: postgres, url: "\${env:SHOP_URL}" }\nsinks: [${sink}]\n` })
  const run = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd, env: { SHOP_URL: server.url(database) } })
  expect(run.code, run.stderr).toBe(0)
  const records = await kafka.reader().read(`${database}.public.accounts`)
  expect(records).toHaveLength(500)
  expect(records.filter(({ partition, expected }) => partition !== expected)).toEqual([])
  expect(JSON.parse(String(records[0]?.key))).toEqual({ id: expect.any(Number) })
  expect(JSON.parse(String(records[0]?.value))).toMatchObject({ op: 'r', source: { table: 'accounts', db: database } })
})
