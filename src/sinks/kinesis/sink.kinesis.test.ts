import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { startKinesalite, type KinesaliteServer } from '../../../test/servers/kinesalite.ts'
import { batchOf, insertOf, userRow, usersTable } from '../../testing/fixtures.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { definition } from './definition.ts'
import { createStream, sinkContext, type TestStream } from './stream-server.fixture.ts'

const users = usersTable()
const { signal } = new AbortController()

let server: KinesaliteServer
let stream: TestStream
beforeAll(async () => {
  server = await startKinesalite()
}, 300_000)
afterAll(() => server?.stop())
beforeEach(async () => {
  stream = await createStream(server.settings)
})
afterEach(() => stream?.remove())

test('writes what readers decode once: bytes, not base64 of them', async () => {
  const sink = await definition.open(stream.settings(), sinkContext())
  await sink.write(batchOf(1, insertOf(users, userRow(1, 'Zoë'))), signal)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  const [record] = await stream.records()
  expect(JSON.parse(record?.text ?? '')).toMatchObject(['insert', expect.anything(), 'public.users', expect.stringContaining('Zoë')])
})

test('is told by check to be there, and one that is not to be made', async () => {
  await definition.check(stream.settings(), { name: 'kinesis', baseDir: '/' })
  const missing = definition.check(stream.settings({ stream: 'nowhere' }), { name: 'kinesis', baseDir: '/' })
  await expect(missing).rejects.toMatchObject({ code: 'SINK_STREAM_MISSING', message: expect.stringContaining('nowhere in eu-north-1') })
})

test('takes a record of its whole limit, and refuses a larger one before it is sent', async () => {
  let length = 1024 * 1024 - 'one'.length
  const format = { ...createPlainFormat(), change: () => [{ topic: null, key: null, value: 'x'.repeat(length), headers: null }] }
  const sink = await definition.open(stream.settings({ partitionKey: 'one' }), { ...sinkContext(), format })
  const one = batchOf(1, insertOf(users, userRow(1)))
  await sink.write(one, signal)
  await sink.flush(signal)
  length++
  const larger = sink.write(one, signal)
  await expect(larger).rejects.toMatchObject({ code: 'SINK_RECORD_TOO_LARGE' })
  await sink[Symbol.asyncDispose]()
  expect(await stream.records()).toHaveLength(1)
})

test('writes 3000 rows of their own keys into all shards, each once', async () => {
  const sink = await definition.open(stream.settings({ partitionKey: '${row.id}' }), sinkContext())
  await sink.write(batchOf(1, ...Array.from({ length: 3000 }, (_, id) => insertOf(users, userRow(id)))), signal)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  const records = await stream.records()
  expect(new Set(records.map(({ text }) => text)).size).toBe(3000)
  expect(records).toHaveLength(3000)
  expect(new Set(records.map(({ shard }) => shard)).size).toBe(2)
})
