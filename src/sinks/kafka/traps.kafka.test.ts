/** The client library's defects (docs/adr/), each met by a guard of ours: these tests fail without it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Batch } from '../../contracts/batch.ts'
import { batchOf, insertOf, rowsAt, schemaAt, snapshotBeginAt, usersTable, userRow } from '../../testing/fixtures.ts'
import { startKafka, type KafkaServer } from '../../../test/servers/kafka.ts'
import { until } from '../../../test/servers.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import type { Format } from '../../contracts/format.ts'
import { openKafka } from './client.ts'
import { openProducer, type MakeClient } from './producer.ts'
import { createRecords, type Records } from './record-batch.ts'
import { createPositions, type PositionMessage } from './positions.ts'
import { POSITIONS_SETTINGS } from './open-positions.ts'
import { openSink, settingsOn, signal } from './sink.fixture.ts'

let server: KafkaServer
beforeAll(async () => void (server = await startKafka()), 600_000)
afterAll(() => server?.stop())

const users = usersTable()
const at = (index: number, ...ids: number[]): Batch => batchOf(index, ...ids.map((id) => insertOf(users, userRow(id))))
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: { code?: string }) => error.code ?? String(error),
  )
const rowsIn = async (topic: string, isolation?: 'uncommitted') => (await server.reader().read(topic, isolation)).length

function recordsOf(topic: string, key: string | null, ...values: readonly string[]): Records {
  const records = createRecords(topic, 0)
  const bytes = Buffer.from(key ?? '')
  for (const value of values) records.add(bytes, key === null ? -1 : bytes.length, { value, bytes: Buffer.byteLength(value), headers: [] })
  return records
}

/** Keys and values of our choice. */
function formatOf(message: (id: bigint) => { key: string | null; value: string | null }): Format {
  return {
    ...createPlainFormat(),
    change: (change) => [{ topic: null, headers: null, ...message((change as { after: bigint[] }).after[0] ?? 0n) }],
  } // inserts of users
}

test('1: a position that was undone is not believed, one that was committed behind it is, and another writer that is still busy hides neither', async () => {
  const settings = settingsOn(server)
  const kafka = await openKafka(settings, { sink: 'kafka' })
  const positions = createPositions({ kafka, sink: 'kafka', topic: settings.positionsTopic, id: settings.prefix })
  const positionRecords = (messages: readonly PositionMessage[]) =>
    messages.map(({ key, value }) => recordsOf(settings.positionsTopic, key, value))
  const held = async () => (await positions.read())?.position
  const { sink } = await openSink(settings)
  await sink.write(at(1, 1), signal)
  await sink[Symbol.asyncDispose]()
  const first = await held()

  const undone = await kafka.openProducer(settings.prefix)
  await undone.begin()
  await undone.send(positionRecords(positions.messages({ position: 'undone', carry: '' })))
  await undone.close()
  expect(await held()).toBe(first)

  const busy = await kafka.openProducer(`${settings.prefix}-busy`)
  await busy.begin()
  await busy.send(
    positionRecords(
      createPositions({ kafka, sink: 'kafka', topic: settings.positionsTopic, id: 'busy' }).messages({ position: 'busy', carry: '' }),
    ),
  )
  const again = await openSink(settings)
  expect(again.record?.position).toBe(first)
  await again.sink.write(at(5, 2), signal)
  await again.sink[Symbol.asyncDispose]()
  expect(await held()).toBe(at(5).end)
  await busy.close()
  await kafka.close()
})

test('2: of two writers with one id the later goes on and the earlier is told so, for a person to see to', async () => {
  // The first writer of a cluster has the number 0 and the epoch 0, which the client would send: not ours.
  await (await openSink(settingsOn(server))).sink[Symbol.asyncDispose]()
  const settings = settingsOn(server)
  const first = await openSink(settings)
  await first.sink.write(at(1, 1), signal)
  const second = await openSink(settings)
  expect(second.record?.position).toBe(at(1).end)
  await expect(first.sink.write(at(2, 2), signal)).rejects.toMatchObject({ code: 'KAFKA_FENCED', kind: 'operator' })
  await first.sink[Symbol.asyncDispose]()
  await second.sink.write(at(2, 2), signal)
  await second.sink[Symbol.asyncDispose]()
  expect(await rowsIn(`${settings.prefix}.public.users`)).toBe(2)
})

test('3: a topic that is missing and may not be made is told, and not waited for', async () => {
  const settings = settingsOn(server)
  await (await openSink(settings)).sink[Symbol.asyncDispose]()
  const { sink } = await openSink({ ...settings, createTopics: false })
  await expect(sink.write(at(1, 1), signal)).rejects.toMatchObject({ code: 'KAFKA_TOPIC_MISSING', kind: 'operator' })
  await sink[Symbol.asyncDispose]()
})

test('4: what is large for one batch goes in several, also where the topic takes less than others', async () => {
  const settings = settingsOn(server, { createTopics: { partitions: 1, settings: { 'max.message.bytes': '100000' } }, compression: 'none' })
  const { sink } = await openSink(
    settings,
    formatOf((id) => ({ key: 'k', value: `${id} ${'x'.repeat(20_000)}` })),
  )
  const ids = Array.from({ length: 300 }, (_, id) => id)
  await sink.write(at(1, ...ids), signal)
  await sink[Symbol.asyncDispose]()
  const found = await server.reader().read(`${settings.prefix}.public.users`)
  expect(found.map(({ value }) => Number(value?.toString().split(' ')[0]))).toEqual(ids)
})

test('5: where one message is refused nothing of its batch is committed, and the next sink begins before it', async () => {
  const settings = settingsOn(server, { compression: 'none' })
  const orders = { ...usersTable({ name: 'orders' }), id: 9 }
  const format = formatOf((id) => ({ key: null, value: id === 13n ? 'x'.repeat(2_000_000) : String(id) }))
  const { sink } = await openSink(settings, format)
  await sink.write(at(1, 1), signal)
  const act = (table: typeof users, id: number) => insertOf(table, userRow(id))
  const refused = sink.write(batchOf(2, act(users, 2), act(orders, 13), act(users, 3)), signal)
  await expect(refused).rejects.toMatchObject({
    code: 'KAFKA_MESSAGE_TOO_LARGE',
    kind: 'data',
    message: expect.stringContaining('public.orders at'),
  })
  await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('xxx') })
  await sink[Symbol.asyncDispose]()
  expect(await rowsIn(`${settings.prefix}.public.users`)).toBe(1)
  const next = await openSink(settings, format)
  expect(next.record?.position).toBe(at(1).end)
  await next.sink.write(at(2, 2, 3), signal)
  await next.sink[Symbol.asyncDispose]()
  expect(await rowsIn(`${settings.prefix}.public.users`)).toBe(3)
})

test('6: a key goes to the partition that Java sends it to', async () => {
  const settings = settingsOn(server, { createTopics: { partitions: 7 }, delivery: 'at-least-once' })
  const { sink } = await openSink(
    settings,
    formatOf((id) => ({ key: `{"id":${id * 7919n},"ü":"${'k'.repeat(Number(id % 5n))}"}`, value: '1' })),
  )
  await sink.write(at(1, ...Array.from({ length: 2000 }, (_, id) => id)), signal)
  await sink[Symbol.asyncDispose]()
  const found = await server.reader().read(`${settings.prefix}.public.users`)
  expect(found).toHaveLength(2000)
  expect(found.filter(({ partition, expected }) => partition !== expected)).toEqual([])
  expect(new Set(found.map(({ partition }) => partition)).size).toBe(7)
})

test('7 and 8: sequence numbers go round at 2³¹, and many sends of one transaction keep their order', async () => {
  const settings = settingsOn(server)
  const library = await import('@platformatic/kafka')
  const make: MakeClient = (own) => new library.Producer({ clientId: 'test', bootstrapBrokers: settings.brokers, ...own })
  const facts = { library, sink: 'kafka', brokers: '', transactionalId: settings.prefix, settings, firstSequence: 2 ** 31 - 7 }
  const producer = await openProducer(make, facts)
  const kafka = await openKafka(settings, { sink: 'kafka' })
  const topic = settings.prefix
  await kafka.createTopic(topic, { partitions: 1, replication: 1, settings: {} })
  let sent = 0
  for (let transaction = 0; transaction < 4; transaction++) {
    await producer.begin()
    for (let send = 0; send < 3; send++) await producer.send([recordsOf(topic, null, `${sent++}`, `${sent++}`)])
    await producer.commit()
  }
  await producer.close()
  await kafka.close()
  const found = await server.reader().read(topic)
  expect(found.map(({ value }) => Number(value))).toEqual([...Array(24).keys()])
})

test('9: our own transaction that was open for too long is told from another writer: it is tried again', async () => {
  const settings = settingsOn(server, { transactionTimeout: '1s' })
  const { sink } = await openSink(settings)
  await sink.write(schemaAt(1, users), signal)
  await sink.write(snapshotBeginAt(1, users, 'g'), signal)
  let code = ''
  const partOf = (n: number) => rowsAt(n, { table: users, chunk: 'public.users/g/0', rows: [userRow(n)], last: false })
  for (let n = 2; code === ''; n++) {
    await sink.write(partOf(n), signal)
    // A part alone is gathered: a large one is sent.
    const large = rowsAt(n, {
      table: users,
      chunk: 'public.users/g/0',
      rows: Array.from({ length: 6000 }, (_, id) => userRow(id)),
      last: false,
    })
    code = (await codeOf(sink.write(large, signal))).replace('no error', '')
  }
  expect(code).toBe('KAFKA_TRANSACTION_EXPIRED')
  await sink[Symbol.asyncDispose]()
  expect((await openSink(settings)).record).toBeNull()
})

test('10: the positions are read back though the last offset is no record, from a topic that is compacted in small segments', async () => {
  const settings = settingsOn(server, { positionsTopic: `positions-${process.pid}` })
  const { sink } = await openSink(settings)
  for (let n = 1; n <= 20; n++) await sink.write(at(n, n), signal)
  await sink[Symbol.asyncDispose]()
  const { record, sink: next } = await openSink(settings)
  await next[Symbol.asyncDispose]()
  expect(record).toEqual({ position: at(20).end, carry: at(20).carry, chunks: [] })
  expect(Number(POSITIONS_SETTINGS['segment.bytes'])).toBe(16 << 20)
  const kafka = await openKafka(settings, { sink: 'kafka' })
  expect(await kafka.findTopic(settings.positionsTopic)).toMatchObject({ partitions: 1, isCompacted: true })
  await kafka.close()
})

test('a reader of what is committed is held up by a dead writer only until its time is over', async () => {
  const settings = settingsOn(server, { transactionTimeout: '1s' })
  const kafka = await openKafka(settings, { sink: 'kafka' })
  const topic = settings.prefix
  await kafka.createTopic(topic, { partitions: 1, replication: 1, settings: {} })
  const dead = await kafka.openProducer(settings.prefix)
  await dead.begin()
  await dead.send([recordsOf(topic, null, 'never')])
  const other = await kafka.openProducer(null)
  await other.send([recordsOf(topic, null, 'seen')])
  await until(async () => (await server.reader().read(topic)).some(({ value }) => String(value) === 'seen'), 30_000)
  expect(await rowsIn(topic)).toBe(1)
  await dead.close()
  await other.close()
  await kafka.close()
})
