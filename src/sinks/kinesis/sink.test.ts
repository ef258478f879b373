import { describe, expect, test } from 'vitest'
import type { Format, Message } from '../../contracts/format.ts'
import { createDeferred } from '../../lib/deferred.ts'
import { batchOf, insertOf, positionAt, userRow, usersTable } from '../../testing/fixtures.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { createPartitionKey } from './partition-key.ts'
import { createRecords, type RecordOptions } from './records.ts'
import { createSender } from './sender.ts'
import { createKinesisSink } from './sink.ts'
import { createMemoryStream, senderOptions, unavailable } from './stream.fixture.ts'

const users = usersTable()
const { signal } = new AbortController()
const saying = (message: Partial<Message>): Format => ({
  ...createPlainFormat(),
  change: () => [{ topic: null, key: '{"id":1}', value: '{"op":"insert"}', headers: null, ...message }],
})

function recordsOf(options: Partial<RecordOptions> = {}) {
  return createRecords({
    sink: 'kinesis',
    stream: 'shop',
    format: createPlainFormat(),
    partitionKey: createPartitionKey('${schema}.${table}', 'kinesis'),
    wrap: false,
    maxRecordBytes: 1024 * 1024,
    headersLeftOut() {},
    ...options,
  })
}

function openOn(put: Parameters<typeof senderOptions>[0], options: Partial<RecordOptions> = {}) {
  const failures: unknown[] = []
  const sender = createSender(senderOptions(put, { failed: (error) => failures.push(error) }))
  let isClosed = false
  const sink = createKinesisSink({ records: recordsOf(options), sender, close: () => (isClosed = true) })
  return { sink, failures, isClosed: () => isClosed }
}

const one = batchOf(1, insertOf(users, userRow(1)))
const textsIn = (format: Format, options: Partial<RecordOptions> = {}) =>
  [...recordsOf({ format, ...options })(one)].map(({ data }) => Buffer.from(data).toString())

describe('the sink kinesis', () => {
  test('accepts what is on its way, and is durable when the service has said that all is stored', async () => {
    const answer = createDeferred<void>()
    const stream = createMemoryStream()
    const { sink, isClosed } = openOn(async (records) => {
      await answer.promise
      return stream.put(records)
    })
    expect(await sink.write(one, signal)).toBe('accepted')
    const flushed = sink.flush(signal).then(() => stream.stored.length)
    answer.resolve()
    expect(await flushed).toBe(1)
    await sink[Symbol.asyncDispose]()
    expect(isClosed()).toBe(true)
  })

  test('sends a lone change at once, before anybody asks for it to be durable', async () => {
    const sent = createDeferred<void>()
    const { sink } = openOn(async () => (sent.resolve(), new Map()))
    await sink.write(one, signal)
    await sent.promise
    await sink[Symbol.asyncDispose]()
  })

  test('does not flush what was not stored, and takes nothing more', async () => {
    const { sink, failures } = openOn(async () => {
      throw unavailable()
    })
    await sink.write(one, signal)
    await expect(sink.flush(signal)).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
    await expect(sink.write(one, signal)).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
    expect(failures).toHaveLength(1)
    await sink[Symbol.asyncDispose]()
  })

  test('stops waiting when it is told to stop, and ends the request under way', async () => {
    const stop = new AbortController()
    const ended = createDeferred<void>()
    const { sink } = openOn(
      (_, aborted) =>
        new Promise((_resolve, reject) => {
          aborted.addEventListener('abort', () => (ended.resolve(), reject(unavailable())))
        }),
    )
    await sink.write(one, stop.signal)
    const flushed = sink.flush(stop.signal)
    stop.abort(new Error('stopping'))
    await expect(flushed).rejects.toThrow('stopping')
    await ended.promise
    await sink[Symbol.asyncDispose]()
  })

  test('waits for room in the middle of a batch that is larger than what may wait', async () => {
    const stream = createMemoryStream()
    const { sink } = openOn(stream.put)
    const rows = Array.from({ length: 20 }, (_, id) => insertOf(users, userRow(id, 'x'.repeat(900_000))))
    await sink.write(batchOf(1, ...rows), signal)
    expect(stream.stored.length).toBeGreaterThan(5)
    await sink.flush(signal)
    expect(stream.stored).toHaveLength(20)
    await sink[Symbol.asyncDispose]()
  })

  test('says which table and position hold a record that is too large, and nothing of it', async () => {
    const { sink } = openOn(createMemoryStream().put)
    const large = batchOf(3, insertOf(users, userRow(1, 'secret '.repeat(200_000))))
    const error = await sink.write(large, signal).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'SINK_RECORD_TOO_LARGE', kind: 'data' })
    expect(String(error)).toContain(`public.users at ${positionAt(3)}`)
    expect(String(error)).not.toContain('secret')
    await sink[Symbol.asyncDispose]()
  })

  test('counts the partition key for the size of a record, in bytes', () => {
    const partitionKey = () => 'ö'.repeat(100)
    const [record] = [...recordsOf({ format: saying({ value: 'ä' }), partitionKey })(one)]
    expect(record?.bytes).toBe(202)
  })

  test('writes the value alone, and a tombstone as a record without bytes', () => {
    expect(textsIn(saying({}))).toEqual(['{"op":"insert"}'])
    expect(textsIn(saying({ value: null }))).toEqual([''])
  })

  test('wraps key, headers and an id that is the same again around the value', () => {
    const format = saying({ topic: 'users', headers: { a: 'b' } })
    const id = `${positionAt(1)}-0`
    const wrapped = { id, topic: 'users', key: { id: 1 }, value: { op: 'insert' }, headers: { a: 'b' } }
    expect(textsIn(format, { wrap: true }).map((text) => JSON.parse(text) as unknown)).toEqual([wrapped])
    expect(textsIn(saying({ value: null, key: null }), { wrap: true })).toEqual([
      `{"id":"${id}","topic":null,"key":null,"value":null,"headers":null}`,
    ])
  })

  test('tells once that headers are left out, and not where they are wrapped or say the type alone', () => {
    let told = 0
    const headersLeftOut = () => void told++
    const format = saying({ headers: { a: 'b' } })
    const records = recordsOf({ format, headersLeftOut })
    for (const batch of [one, one]) Array.from(records(batch))
    textsIn(format, { wrap: true, headersLeftOut })
    textsIn(saying({ headers: { 'content-type': 'application/cloudevents+json' } }), { headersLeftOut })
    expect(told).toBe(1)
  })
})
