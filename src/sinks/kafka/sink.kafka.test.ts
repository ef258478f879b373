import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Batch } from '../../contracts/batch.ts'
import type { Format, Message } from '../../contracts/format.ts'
import { createNative } from '../../formats/native/native.ts'
import {
  batchOf,
  deleteOf,
  insertOf,
  messageAt,
  rowsAt,
  snapshotEndAt,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
} from '../../testing/fixtures.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { startKafka, type KafkaServer } from '../../../test/servers/kafka.ts'
import { openKafka } from './client.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'
import { openSink, settingsOn, signal } from './sink.fixture.ts'

let server: KafkaServer
beforeAll(async () => void (server = await startKafka()), 600_000)
afterAll(() => server?.stop())

const users = usersTable()
const orders = { ...usersTable({ name: 'orders' }), id: 9 }
const formatOf = (messages: readonly Message[]): Format => ({ ...createPlainFormat(), change: () => messages })
const read = (topic: string) => server.reader().read(topic)
const texts = async (topic: string) => (await read(topic)).map(({ value }) => value?.toString() ?? null)

async function writeOnce(settings: ReturnType<typeof settingsOn>, batches: readonly Batch[], format?: Format): Promise<void> {
  const { sink } = await openSink(settings, format)
  for (const batch of batches) await sink.write(batch, signal)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
}

test('a message keeps its key, value and headers, and a tombstone its null', async () => {
  const settings = settingsOn(server)
  const message = { topic: null, key: '{"id":1}', value: '{"ä":"🚀"}', headers: { a: 'ü', b: '' } }
  await writeOnce(settings, [batchOf(1, insertOf(users, userRow(1)))], formatOf([message, { ...message, value: null, headers: null }]))
  const [first, second] = await read(`${settings.prefix}.public.users`)
  expect([String(first?.key), String(first?.value), first?.headers]).toEqual(['{"id":1}', '{"ä":"🚀"}', { a: 'ü', b: '' }])
  expect([String(second?.key), second?.value, second?.headers]).toEqual(['{"id":1}', null, {}])
})

test('native messages have the key of their table, and lie in order in the partition of their key', async () => {
  const settings = settingsOn(server, { createTopics: { partitions: 4 } })
  const batch = (index: number) => batchOf(index, ...[1, 2, 3, 4, 5].map((id) => updateOf(users, userRow(id, `v${index}`))))
  await writeOnce(settings, [1, 2, 3].map(batch), createNative())
  const records = await read(`${settings.prefix}.public.users`)
  expect(records.filter(({ partition, expected }) => partition !== expected)).toEqual([])
  const ofThree = records.filter(({ key }) => String(key) === '{"id":3}').map(({ value }) => JSON.parse(String(value)).after.name)
  expect(ofThree).toEqual(['v1', 'v2', 'v3'])
})

test('keys are what the template says', async () => {
  const settings = settingsOn(server, { key: '${after.name}/${table}' })
  await writeOnce(settings, [batchOf(1, insertOf(users, userRow(1, 'ada')))], createNative())
  expect(String((await read(`${settings.prefix}.public.users`))[0]?.key)).toBe('ada/users')
})

test('what has no key stays in order for each table, in one partition', async () => {
  const settings = settingsOn(server, { createTopics: { partitions: 6 } })
  const keyless = { ...users, key: [] }
  await writeOnce(
    settings,
    [1, 2, 3].map((n) => batchOf(n, insertOf(keyless, userRow(n)), truncateOf(keyless))),
  )
  const records = await read(`${settings.prefix}.public.users`)
  expect(records).toHaveLength(6)
  expect(new Set(records.map(({ partition }) => partition)).size).toBe(1)
})

test("the sink's own topic comes before the format's, and that before the table's", async () => {
  const own = settingsOn(server)
  const named = formatOf([{ topic: `${own.prefix}.of-the-format`, key: null, value: 'x', headers: null }])
  await writeOnce(own, [batchOf(1, insertOf(users, userRow(1)))], named)
  expect(await texts(`${own.prefix}.public.users`)).toEqual(['x'])
  await writeOnce(own, [{ ...batchOf(2), changes: [messageAt(2)] }], named)
  const { topic: _, ...without } = settingsOn(server)
  await writeOnce(without as typeof own, [batchOf(1, insertOf(users, userRow(1)))], named)
  expect(await texts(`${own.prefix}.of-the-format`)).toEqual(['x', 'x'])
})

test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('Java reads what is compressed by %s', async (compression) => {
  const settings = settingsOn(server, { compression })
  const rows = Array.from({ length: 500 }, (_, id) => insertOf(users, userRow(id)))
  await writeOnce(settings, [batchOf(1, ...rows)])
  expect(await read(`${settings.prefix}.public.users`)).toHaveLength(500)
})

test('topics are made as they are asked for', async () => {
  const settings = settingsOn(server, {
    createTopics: { partitions: 3, replication: 1, settings: { 'retention.ms': '3600000', 'max.message.bytes': '54321' } },
  })
  await writeOnce(settings, [batchOf(1, insertOf(users, userRow(1)))])
  const kafka = await openKafka(settings, { sink: 'kafka' })
  expect(await kafka.findTopic(`${settings.prefix}.public.users`)).toMatchObject({ partitions: 3, messageBytes: 54321 })
  await kafka.close()
})

test('a topic that cannot be made so is told', async () => {
  const settings = settingsOn(server, { createTopics: { partitions: 3, replication: 7 } })
  const { sink } = await openSink({ ...settings, positionsTopic: 'millrace-positions' }).catch((error: unknown) => ({ sink: null, error }))
  if (sink === null) return expect.unreachable('the positions are there already')
  await expect(sink.write(batchOf(1, insertOf(users, userRow(1))), signal)).rejects.toMatchObject({
    code: 'KAFKA_TOPIC_REFUSED',
    kind: 'operator',
  })
  await sink[Symbol.asyncDispose]()
})

test('positions in a topic that time cuts are refused before anything is written', async () => {
  const settings = settingsOn(server, { positionsTopic: `cut-${process.pid}` })
  const kafka = await openKafka(settings, { sink: 'kafka' })
  await kafka.createTopic(settings.positionsTopic, { partitions: 1, replication: 1, settings: {} })
  await kafka.close()
  await expect(openSink(settings)).rejects.toMatchObject({ code: 'KAFKA_POSITIONS', kind: 'operator' })
  await expect(definition.check(settings, { baseDir: '/', name: 'kafka' })).rejects.toMatchObject({ code: 'KAFKA_POSITIONS' })
})

test('check reaches the cluster and takes no id over; tables whose topics are missing are told where none are made', async () => {
  const settings = settingsOn(server)
  const { sink } = await openSink(settings)
  await definition.check(settings, { baseDir: '/', name: 'kafka' })
  await sink.write(batchOf(1, insertOf(users, userRow(1))), signal)
  await sink[Symbol.asyncDispose]()
  const off = { ...settings, createTopics: false }
  await definition.checkTables?.([users], off, { name: 'kafka' })
  const wrongKey = definition.checkTables?.([users], { ...settings, key: '${row.nowhere}' }, { name: 'kafka' })
  await expect(wrongKey).rejects.toMatchObject({ code: 'TEMPLATE_COLUMN' })
  const noPositions = definition.check({ ...off, positionsTopic: 'nowhere' }, { baseDir: '/', name: 'kafka' })
  await expect(noPositions).rejects.toMatchObject({
    code: 'KAFKA_TOPIC_MISSING',
    hint: expect.stringContaining('--create --topic nowhere --partitions 1 --config cleanup.policy=compact'),
  })
  const missing = definition.checkTables?.([users, orders], off, { name: 'kafka' })
  await expect(missing).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING', message: expect.stringContaining('public.orders') })
})

test('nobody there is told as what passes', async () => {
  const settings = config.parse({ brokers: ['127.0.0.1:1'] })
  await expect(definition.check(settings, { baseDir: '/', name: 'kafka' })).rejects.toMatchObject({
    code: 'KAFKA_UNREACHABLE',
    kind: 'transient',
  })
}, 60_000)

describe('where a position is held', () => {
  test('what a format wants whole is committed whole', async () => {
    const settings = settingsOn(server)
    const format = { ...createPlainFormat(), wholeTransactions: true }
    const { sink } = await openSink(settings, format)
    const part = { ...batchOf(1, insertOf(users, userRow(1))), betweenTransactions: false }
    expect(await sink.write(part, signal)).toBe('accepted')
    expect(await texts(`${settings.prefix}.public.users`)).toEqual([])
    expect(await sink.write(batchOf(2, insertOf(users, userRow(2))), signal)).toBe('durable')
    expect(await texts(`${settings.prefix}.public.users`)).toHaveLength(2)
    await sink.write(part, signal)
    await sink[Symbol.asyncDispose]()
    expect((await openSink(settings, format)).record?.position).toBe(batchOf(2).end)
  })

  test('changes beside a chunk in part wait for its last rows, which would come twice', async () => {
    const settings = settingsOn(server)
    const { sink } = await openSink(settings)
    const chunk = (id: number, last: boolean) => rowsAt(1, { table: users, chunk: 'public.users/g/0', rows: [userRow(id)], last })
    await sink.write(chunk(1, false), signal)
    expect(await sink.write(batchOf(2, insertOf(users, userRow(9))), signal)).toBe('accepted')
    await sink.write(chunk(2, true), signal)
    expect(await sink.write(batchOf(3), signal)).toBe('durable')
    await sink[Symbol.asyncDispose]()
    const next = await openSink(settings)
    expect(next.record).toEqual({ position: batchOf(3).end, carry: batchOf(3).carry, chunks: ['public.users/g/0'] })
    await next.sink[Symbol.asyncDispose]()
    expect(await texts(`${settings.prefix}.public.users`)).toHaveLength(3)
  })

  test('after a beginning anew the old copies no longer count', async () => {
    const settings = settingsOn(server)
    await writeOnce(settings, [snapshotEndAt(5, users, 'g1')])
    const { sink, record } = await openSink(settings)
    expect(record?.chunks).toEqual(['public.users/g1/end'])
    await sink.beginAnew?.()
    await sink.write(batchOf(1, insertOf(users, userRow(1))), signal)
    await sink[Symbol.asyncDispose]()
    const next = await openSink(settings)
    await next.sink[Symbol.asyncDispose]()
    expect(next.record).toEqual({ position: batchOf(1).end, carry: batchOf(1).carry, chunks: [] })
  })

  test('at least once keeps no record, and each write is with all replicas when it resolves', async () => {
    const settings = settingsOn(server, { delivery: 'at-least-once' })
    const { sink, record } = await openSink(settings)
    expect(record).toBeNull()
    expect(await sink.write(batchOf(1, insertOf(users, userRow(1)), deleteOf(users, userRow(1))), signal)).toBe('durable')
    expect(await texts(`${settings.prefix}.public.users`)).toHaveLength(2)
    await sink[Symbol.asyncDispose]()
    expect((await openSink(settings)).record).toBeNull()
  })
})

test('a write that is aborted ends, and leaves nothing of it', async () => {
  const settings = settingsOn(server)
  const { sink } = await openSink(settings)
  await sink.write(batchOf(1, insertOf(users, userRow(1))), signal)
  const abort = new AbortController()
  const writing = sink.write(batchOf(2, ...Array.from({ length: 30_000 }, (_, id) => insertOf(users, userRow(id)))), abort.signal)
  abort.abort(new Error('enough'))
  await expect(writing).rejects.toThrow('enough')
  await sink[Symbol.asyncDispose]()
  const next = await openSink(settings)
  await next.sink[Symbol.asyncDispose]()
  const count = (await read(`${settings.prefix}.public.users`)).length
  expect([count, next.record?.position]).toEqual([1, batchOf(1).end])
})
