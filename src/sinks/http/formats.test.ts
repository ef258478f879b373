import { HTTP, type CloudEvent } from 'cloudevents'
import { expect, test } from 'vitest'
import { FORMATS } from '../../registry.ts'
import { batchOf, deleteOf, insertOf, userRow, usersTable } from '../../testing/fixtures.ts'
import { startReceiver, type Received } from './receiver.fixture.ts'
import { openSink, signal } from './sink.fixture.ts'

const users = usersTable()
const batch = batchOf(1, insertOf(users, userRow(1, 'Žofia')), deleteOf(users, userRow(1)))

async function send(type: string, options: object, settings: object): Promise<Received[]> {
  const definition = await FORMATS[type]!() // the registry has it
  const format = definition.create(definition.config.parse(options), { pipeline: 'shop' })
  await using receiver = await startReceiver()
  const { sink } = openSink({ url: receiver.url, ...settings }, format)
  await sink.write(batch, signal)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  return receiver.requests
}

const eventsOf = ({ headers, body }: Received) => [HTTP.toEvent({ headers, body })].flat() as CloudEvent<{ op: string }>[] // of JSON

test.each([
  ['one event a request, binary', { mode: 'binary', headers: 'http' }, { body: 'single' }, 2],
  ['one event a request, structured', {}, { body: 'single' }, 2],
  ['a batch of events', {}, { body: 'values', headers: { 'content-type': 'application/cloudevents-batch+json' } }, 1],
])("CloudEvents: %s is what the project's own library reads", async (_, options, settings, requests) => {
  const received = await send('cloudevents', options, settings)
  const events = received.flatMap(eventsOf)
  expect(received).toHaveLength(requests)
  expect(events.map(({ type, subject }) => [type, subject])).toEqual([
    ['millrace.change.insert', 'public.users'],
    ['millrace.change.delete', 'public.users'],
  ])
  expect(events.map(({ data }) => data?.op)).toEqual(['insert', 'delete'])
  if (requests === 2) expect(events.map(({ id }) => id)).toEqual(received.map(({ headers }) => headers['webhook-id']))
})

test('Debezium: topic, key and headers go along, and the tombstone', async () => {
  const [request] = await send('debezium', { 'topic.prefix': 'shop' }, {})
  const elements = JSON.parse(request?.body ?? '') as {
    topic: string
    key: { payload: unknown }
    value: { payload: { op: string } } | null
  }[]
  expect(elements.map(({ topic }) => topic)).toEqual(['shop.public.users', 'shop.public.users', 'shop.public.users'])
  expect(elements.map(({ value }) => value?.payload.op)).toEqual(['c', 'd', undefined])
  expect(elements[2]).toMatchObject({ value: null, key: { payload: { id: 1 } } })
})
