import { CloudEvent, HTTP, Kafka, type Message as SdkMessage } from 'cloudevents'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../contracts/format.ts'
import { UNCHANGED, type Row } from '../../contracts/table.ts'
import { messageId, messagesOf } from '../../messages/messages-of.ts'
import {
  batchOf,
  deleteOf,
  everyKindRows,
  everyKindTable,
  insertOf,
  messageAt,
  positionAt,
  rowsAt,
  transactionOf,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
} from '../../testing/fixtures.ts'
import { formatConformance } from '../../testing/format-conformance.ts'
import { createCloudEvents, type CloudEventsOptions } from './cloudevents.ts'
import { definition } from './definition.ts'

const users = usersTable()
const onlyKey: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
const CHUNK = 'public.users/16384-mhw3k8zz/0'
const AT = { position: positionAt(9), chunk: CHUNK }

const create = (options: Partial<CloudEventsOptions> = {}) =>
  createCloudEvents(definition.config.parse(options) as CloudEventsOptions, { pipeline: 'shop' }) // what the schema gives is what it takes
const format = create()
/** As the SDK takes what a Kafka client read. */
const kafkaEvent = ({ headers, key, value }: Message) =>
  Kafka.toEvent({ headers: headers!, key, value, body: value } as SdkMessage) as CloudEvent // its own message has more members than its type
const first = (messages: readonly Message[]): Message => messages[0]! // every change is one event

const changes = [
  ...transactionOf(
    1,
    everyKindRows().map((row) => insertOf(everyKindTable(), row)),
  ),
  ...transactionOf(2, [
    insertOf(users, userRow(1)),
    updateOf(users, userRow(2), { before: onlyKey, oldKey: onlyKey }),
    updateOf(users, [1n, 'x', null, UNCHANGED]),
    deleteOf(users, onlyKey),
    truncateOf(users),
  ]),
  messageAt(3),
]

describe.each(['structured', 'binary'] as const)('the format cloudevents conforms, %s', (mode) => {
  const withoutPlace = (line: unknown): unknown => {
    const event = line as { data?: object; value?: object; headers?: object }
    const data = { ...(event.data ?? event.value), op: 0, xid: 0 }
    const headers = { ...event.headers, ce_id: 0, ce_type: 0, ce_time: 0, ce_sequence: 0 }
    return { ...event, id: 0, type: 0, time: 0, sequence: 0, headers, ...(event.data ? { data } : { value: data }) }
  }
  for (const { title, run } of formatConformance({ create: () => create({ mode }), withoutPlace })) test(title, run)
})

describe('a structured event', () => {
  test('of a change is one object, its data the change as Millrace’s own JSON', () => {
    const [insert] = transactionOf(1, [insertOf(users, [1n, 'Ada', '12.50', null])])
    expect(format.changeLine(insert!)).toBe(
      '{"specversion":"1.0","id":"0000000000000100-0","source":"/millrace/shop","type":"millrace.change.insert","subject":"public.users","time":"2026-09-21T14:13:21.123456Z","datacontenttype":"application/json","partitionkey":"{\\"id\\":1}","sequence":"0000000000000100:000000000000","data":{"op":"insert","table":"public.users","key":{"id":1},"before":null,"after":{"id":1,"name":"Ada","balance":"12.50","doc":null},"unchanged":[],"xid":701}}\n',
    )
  })

  test('of a row read has the time at which its copy began, and none where that is not known', () => {
    const event = JSON.parse(format.readLine(users, userRow(1), AT)) as Record<string, unknown>
    expect(event).toMatchObject({ type: 'millrace.change.read', sequence: positionAt(9), data: { op: 'read', xid: null } })
    expect(event.time).toMatch(/^2025-11-12T\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(JSON.parse(format.readLine(users, userRow(1), { ...AT, chunk: 'public.users/holes/x' }))).not.toHaveProperty('time')
  })

  test.each(changes.map((change, at) => [change.op, at] as const))('of %s is valid to the official SDK (%i)', (_, at) => {
    const message = first(format.change(changes[at]!)) // at < length
    const parsed = JSON.parse(message.value ?? '') as Record<string, unknown>
    expect(new CloudEvent(parsed).validate()).toBe(true)
    expect(HTTP.toEvent({ headers: message.headers!, body: message.value })).toMatchObject({ id: parsed.id, data: parsed.data })
    const event = kafkaEvent(message)
    expect(event).toMatchObject({ id: parsed.id, source: '/millrace/shop', type: parsed.type, subject: parsed.subject, data: parsed.data })
  })

  test('of a row read is valid to the official SDK', () => {
    const message = first(format.read(users, userRow(1), AT))
    expect(new CloudEvent(JSON.parse(message.value ?? '') as object).validate()).toBe(true)
    expect(kafkaEvent(message)).toMatchObject({ partitionkey: '{"id":1}' })
  })
})

describe('a binary event', () => {
  const [insert] = transactionOf(1, [insertOf(users, [1n, 'Ada "ä" 100%', '12.50', null])])
  const options = { mode: 'binary', subject: '${table} ${row.name}', dataschema: 'https://example.com/${schema}' } as const

  test('over Kafka is read by the official SDK', () => {
    const message = first(create(options).change(insert!))
    expect(message.headers).toEqual({
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: '0000000000000100-0',
      ce_source: '/millrace/shop',
      ce_type: 'millrace.change.insert',
      ce_subject: 'users Ada "ä" 100%',
      ce_time: '2026-09-21T14:13:21.123456Z',
      ce_dataschema: 'https://example.com/public',
      ce_partitionkey: '{"id":1}',
      ce_sequence: '0000000000000100:000000000000',
    })
    const event = kafkaEvent(message)
    expect(event.validate()).toBe(true)
    expect(event).toMatchObject({ id: '0000000000000100-0', sequence: '0000000000000100:000000000000', subject: 'users Ada "ä" 100%' })
  })

  test('over HTTP is read by the official SDK, its headers printable', () => {
    const message = first(create({ ...options, headers: 'http' }).change(insert!))
    expect(message.headers?.['ce-subject']).toBe('users%20Ada%20%22%C3%A4%22%20100%25')
    const event = HTTP.toEvent({ headers: message.headers!, body: message.value }) as CloudEvent<{ after: object }>
    expect(event.validate()).toBe(true)
    expect(decodeURIComponent(String(event.subject))).toBe('users Ada "ä" 100%')
    expect(event.data?.after).toEqual({ id: 1, name: 'Ada "ä" 100%', balance: '12.50', doc: null })
  })

  test('is a line with its headers', () => {
    expect(JSON.parse(create({ mode: 'binary' }).changeLine(insert!))).toMatchObject({
      topic: null,
      key: { id: 1 },
      value: { op: 'insert', after: { id: 1 } },
      headers: { ce_type: 'millrace.change.insert' },
    })
  })
})

test('the id of an event is the id of its message, and equal rows without a key have different ones', () => {
  const keyless = { ...users, key: [], version: 'keyless' }
  const batches = [
    batchOf(1, insertOf(users, userRow(1)), deleteOf(users, onlyKey)),
    rowsAt(2, { table: keyless, chunk: CHUNK, rows: [userRow(1), userRow(1)] }),
  ]
  const placed = batches.flatMap((batch) => [...messagesOf(format, batch)])
  const ids = placed.map(({ message }) => (JSON.parse(message.value ?? '') as { id: string }).id)
  expect(ids).toEqual(placed.map(messageId))
  expect(new Set(ids).size).toBe(4)
})

test('sequences sort as the log does', () => {
  const sequence = (message: Message) => (JSON.parse(message.value ?? '') as { sequence: string }).sequence
  const [read] = format.read(users, userRow(1), { ...AT, position: positionAt(1) })
  const inserts = transactionOf(
    1,
    Array.from({ length: 20 }, (_, at) => insertOf(users, userRow(at))),
  )
  const sequences = [read!, ...inserts.flatMap((change) => format.change(change))].map(sequence)
  expect(sequences.toSorted()).toEqual(sequences)
})

test('a type and a source that may come out empty are mistakes', () => {
  expect(definition.config.safeParse({ type: '${key}' }).success).toBe(false)
  expect(definition.config.safeParse({ source: '${database}' }).success).toBe(false)
  expect(definition.config.safeParse({ source: 'urn:db:${database}', type: '${op}' }).success).toBe(true)
})
