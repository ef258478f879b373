import { expect, test } from 'vitest'
import { UNCHANGED, type Row } from '../../contracts/table.ts'
import { formatConformance } from '../../testing/format-conformance.ts'
import {
  batchOf,
  deleteOf,
  insertOf,
  messageAt,
  positionAt,
  sampleColumn,
  sampleTable,
  transactionAt,
  transactionOf,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
  type Act,
} from '../../testing/fixtures.ts'
import { debeziumOf, NOW_MS, parsed, type Parsed } from './debezium.fixture.ts'

const users = { ...usersTable(), database: 'shop_db' }
const onlyKey: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
const context = {
  '__debezium.context.connectorLogicalName': 'shop',
  '__debezium.context.taskId': '0',
  '__debezium.context.connectorName': 'postgresql',
}
const said = (act: Act, properties: Record<string, unknown> = {}): Parsed[] =>
  transactionOf(1, [act]).flatMap((change) => parsed(debeziumOf(properties).change(change)))

const lenient = { 'event.converting.failure.handling.mode': 'warn' }
const legible = { ...lenient, 'decimal.handling.mode': 'string' }
const subject = {
  create: () => debeziumOf(legible),
  withoutPlace: (line: unknown) => ({ ...(line as Parsed).value, source: 0, op: 0, key: (line as Parsed).key }), // a line of JSON
}
for (const { title, run } of formatConformance(subject)) test(title, run)
for (const { title, run } of formatConformance({ create: () => debeziumOf({ ...legible, 'provide.transaction.metadata': 'true' }) }))
  // Begin and end of a transaction have keys of their own.
  if (!title.startsWith('gives one key')) test(`with transactions, ${title}`, run)
for (const { title, run } of formatConformance({ create: () => debeziumOf({ ...legible, 'schemas.enable': 'true' }) }))
  test(`with schemas, ${title}`, run)

test('an insert is a create, with its place in the log', () => {
  const tx = { ...transactionAt(1), log: { first: 100, previous: 90, end: 400 } }
  const [message] = parsed(debeziumOf().change({ ...insertOf(users, userRow(1)), ordinal: 0, tx, lsn: 300 }))
  expect(message).toEqual({
    topic: 'shop.public.users',
    key: { id: 1 },
    value: {
      before: null,
      after: { id: 1, name: 'user 1', balance: 'AJY=', doc: '{"n": 1}' },
      source: {
        version: '3.6.1.Final',
        connector: 'postgresql',
        name: 'shop',
        ts_ms: 1790000001123,
        snapshot: 'false',
        db: 'shop_db',
        sequence: '["90","300"]',
        ts_us: 1790000001123456,
        ts_ns: 1790000001123456000,
        schema: 'public',
        table: 'users',
        txId: 701,
        lsn: 300,
        xmin: null,
        origin: null,
        origin_lsn: null,
      },
      transaction: null,
      op: 'c',
      ts_ms: NOW_MS,
      ts_us: NOW_MS * 1e3,
      ts_ns: NOW_MS * 1e6,
    },
    headers: context,
  })
})

test('what was replicated from elsewhere says where it was committed first', () => {
  const tx = { ...transactionAt(1), log: { first: 100, previous: 90, end: 400, origin: { name: 'node "b"', lsn: 77 } } }
  const [message] = parsed(debeziumOf().change({ ...insertOf(users, userRow(1)), ordinal: 0, tx, lsn: 300 }))
  expect(message?.value.source).toMatchObject({ xmin: null, origin: 'node "b"', origin_lsn: 77 })
})

test('a row read is one of an incremental snapshot: without a transaction and without headers', () => {
  const [message] = parsed(debeziumOf().read(users, userRow(1), { position: positionAt(9), chunk: 'c' }))
  expect(message?.value).toMatchObject({ op: 'r', before: null, after: { id: 1 }, source: { snapshot: 'incremental', ts_ms: NOW_MS } })
  expect(message?.value.source).toMatchObject({ txId: null, lsn: null, xmin: null, sequence: '["2304","2304"]' })
  expect(message?.headers).toEqual({})
})

test('a delete is followed by a tombstone, unless told not to; what the log did not send of the old row is null', () => {
  const [message, tombstone] = said(deleteOf(users, onlyKey))
  expect(message).toMatchObject({ key: { id: 1 }, value: { op: 'd', after: null } })
  expect(message.value.before).toEqual({ id: 1, name: null, balance: null, doc: null })
  expect(tombstone).toEqual({ topic: 'shop.public.users', key: { id: 1 }, value: null, headers: context })
  expect(said(deleteOf(users, onlyKey), { 'tombstones.on.delete': 'false' })).toHaveLength(1)
})

test('an update has the old row where the log had it', () => {
  expect(said(updateOf(users, userRow(1)))[0].value).toMatchObject({ op: 'u', before: null, after: { name: 'user 1' } })
  expect(said(updateOf(users, userRow(1), { before: userRow(1, 'old') }))[0].value).toMatchObject({ op: 'u', before: { name: 'old' } })
})

test('an old row that lacks a part of the key says nothing of another key', () => {
  const before: Row = [UNCHANGED, 'old', UNCHANGED, UNCHANGED]
  expect(said(updateOf(users, userRow(1), { before })).map(({ key, value }) => [key.id, value.op])).toEqual([[1, 'u']])
})

test('an update of the key is a delete, its tombstone and a create, which name each other’s keys', () => {
  const messages = said(updateOf(users, userRow(2), { before: onlyKey, oldKey: onlyKey }))
  expect(messages.map(({ key, value }) => [key.id, value?.op])).toEqual([
    [1, 'd'],
    [1, undefined],
    [2, 'c'],
  ])
  expect(messages.map(({ headers }) => headers)).toEqual([
    { '__debezium.newkey': '{"id":2}', ...context },
    { '__debezium.newkey': '{"id":2}', ...context },
    { '__debezium.oldkey': '{"id":1}', ...context },
  ])
  expect(messages[2].value.before).toBe(null)
  expect(said(updateOf(users, userRow(2), { before: onlyKey, oldKey: onlyKey }), { 'skipped.operations': 'd' })).toHaveLength(1)
})

test('a truncate is told where it is not skipped, without a key', () => {
  expect(said(truncateOf(users))).toEqual([])
  const [message] = said(truncateOf(users), { 'skipped.operations': 'none' })
  expect(message).toMatchObject({ key: null, value: { op: 't', before: null, after: null } })
})

test('operations are skipped as told', () => {
  const acts = [insertOf(users, userRow(1)), updateOf(users, userRow(1)), deleteOf(users, onlyKey)]
  expect(acts.flatMap((act) => said(act, { 'skipped.operations': 'c, u' })).map(({ value }) => value?.op)).toEqual(['d', undefined])
})

test('an update that changed nothing is left out where that is asked for and the old row is whole', () => {
  const skipping = { 'skip.messages.without.change': true }
  expect(said(updateOf(users, userRow(1), { before: userRow(1) }), skipping)).toEqual([])
  expect(said(updateOf(users, userRow(1), { before: userRow(1, 'old') }), skipping)).toHaveLength(1)
  expect(said(updateOf(users, userRow(1)), skipping)).toHaveLength(1)
})

test('a logical message has a topic of its own, in a transaction or outside of one', () => {
  const format = debeziumOf({ 'message.prefix.exclude.list': 'noise.*' })
  const [inside] = parsed(format.change({ ...messageAt(3), lsn: 700 }))
  expect(inside).toMatchObject({ topic: 'shop.message', key: { prefix: 'app' }, headers: {} })
  expect(inside?.value).toMatchObject({ op: 'm', ts_ms: NOW_MS, message: { prefix: 'app', content: 'aGVsbG8=' } })
  expect(inside?.value.source).toMatchObject({ schema: '', table: '', txId: 703, lsn: 700 })
  const [outside] = parsed(format.change({ ...messageAt(4), tx: null, transactional: false, lsn: 800 }))
  expect(outside?.value.source).toMatchObject({ txId: null, lsn: 800, sequence: '["800","800"]', ts_ms: 1790000003123 })
  expect(format.change({ ...messageAt(5), prefix: 'noise-1' })).toEqual([])
})

test('a value that the log did not send is the placeholder, in the form of its type', () => {
  const names = ['text', 'uuids', 'counts', 'names', 'bytes', 'labels', 'price'] as const
  const types = [
    { kind: 'text', name: 'text' },
    { kind: 'array', of: { kind: 'uuid' } },
    { kind: 'array', of: { kind: 'int64' } },
    { kind: 'array', of: { kind: 'text', name: 'text' } },
    { kind: 'bytes' },
    { kind: 'map' },
    { kind: 'decimal', precision: null, scale: null },
  ] as const
  const id = sampleColumn('id', { kind: 'int64' }, { nullable: false })
  const table = sampleTable('wide', [id, ...names.map((name, at) => sampleColumn(name, types[at]!))]) // as many types
  const change = updateOf(table, [1n, ...names.map(() => UNCHANGED)] as Row)
  const { after } = said(change, { 'unavailable.value.placeholder': 'gone', ...lenient })[0].value
  expect(after).toEqual({
    id: 1,
    text: 'gone',
    uuids: ['50c1f58b-e7f5-347e-8f53-d64c094783c2'],
    counts: [103, 111, 110, 101],
    names: ['gone'],
    bytes: Buffer.from('gone').toString('base64'),
    labels: '{"gone":"gone"}',
    price: null,
  })
  expect(() => said(change)).toThrow(
    expect.objectContaining({ code: 'FORMAT_VALUE', hint: expect.stringContaining('REPLICA IDENTITY FULL') }),
  )
})

test('a placeholder may be told by its bytes', () => {
  const types = [{ kind: 'int64' }, { kind: 'bytes' }, { kind: 'array', of: { kind: 'int32' } }] as const
  const table = sampleTable(
    't',
    types.map((type, at) => sampleColumn(['id', 'b', 'n'][at]!, type)), // as many names
  )
  const { after } = said(updateOf(table, [1n, UNCHANGED, UNCHANGED]), { 'unavailable.value.placeholder': 'hex:00ff' })[0].value
  expect(after).toEqual({ id: 1, b: 'AP8=', n: [0, -1] })
})

test('a key of several columns is in the order of its index, where the source tells it', () => {
  const columns = ['a', 'b', 'c'].map((name, at) => sampleColumn(name, { kind: 'int32' }, { id: at + 11 }))
  const keyBy = (keyOrder: readonly number[]) => {
    const table = { ...sampleTable('t', columns, { key: [0, 2] }), keyOrder }
    return transactionOf(1, [insertOf(table, [1, 2, 3])]).flatMap((change) => debeziumOf().change(change))[0]?.key
  }
  expect(keyBy([13, 11])).toBe('{"c":3,"a":1}')
  expect(keyBy([13, 12])).toBe('{"a":1,"c":3}')
})

test('topics and schemas hold no character that Kafka or Avro does not take', () => {
  const odd = sampleTable('Gäste & Co', [sampleColumn('1st-name', { kind: 'text', name: 'text' })], { schema: 'my.schema', key: [0] })
  const [message] = said(insertOf(odd, ['Ada']), {
    'topic.prefix': 'a-b',
    'topic.delimiter': '_',
    'schemas.enable': true,
    'schema.name.adjustment.mode': 'avro',
    'field.name.adjustment.mode': 'avro_unicode',
  })
  expect(message.topic).toBe('a-b_my.schema_G_ste___Co')
  expect(message.value.schema.name).toBe('a_b_my.schema_G_ste___Co.Envelope')
  expect(message.key).toMatchObject({ payload: { _u0031st_u002dname: 'Ada' } })
})

test('a topic is no longer than Kafka takes', () => {
  const long = sampleTable('t'.repeat(300), [sampleColumn('id', { kind: 'int32' })])
  expect(said(insertOf(long, [1]))[0].topic).toHaveLength(249)
})

test('other columns make the key where `message.key.columns` says so', () => {
  const by = { 'message.key.columns': 'public.us.*:name,id;public.other:x' }
  expect(said(insertOf(users, userRow(1)), by)[0].key).toEqual({ name: 'user 1', id: 1 })
  const renamed = said(updateOf(users, userRow(1, 'new'), { before: userRow(1, 'old') }), by)
  expect(renamed.map(({ key, value }) => [key.name, value?.op])).toEqual([
    ['old', 'd'],
    ['old', undefined],
    ['new', 'c'],
  ])
  expect(() => said(deleteOf(users, onlyKey), by)).toThrow(expect.objectContaining({ code: 'FORMAT_KEY' }))
})

test('a table without a key has messages without one', () => {
  const keyless = { ...users, key: [], identity: 'full' as const }
  expect(said(insertOf(keyless, userRow(1)))[0].key).toBe(null)
})

test('transactions tell their begin, their end and the place of each message in them', () => {
  const format = debeziumOf({ 'provide.transaction.metadata': 'true', 'skipped.operations': 'none' })
  expect(format.wholeTransactions).toBe(true)
  const other = sampleTable('orders', [sampleColumn('id', { kind: 'int64' })])
  const tx = { ...transactionAt(1), log: { first: 10, previous: 5, end: 50 } }
  const acts = [insertOf(users, userRow(1)), insertOf(other, [1n]), updateOf(users, userRow(2), { before: onlyKey, oldKey: onlyKey })]
  const changes = transactionOf(1, acts).map((change, at) => ({ ...change, lsn: 20 + at, tx }) as typeof change) // a change, with its place
  const messages = parsed(changes.flatMap((change) => format.change(change)))
  expect(messages[0]).toMatchObject({ topic: 'shop.transaction', key: { id: '701:10' }, headers: {} })
  expect(messages[0]?.value).toEqual({ status: 'BEGIN', id: '701:10', event_count: null, data_collections: null, ts_ms: 1790000001123 })
  expect(messages.slice(1).map(({ value }) => value?.transaction)).toEqual([
    { id: '701:20', total_order: 1, data_collection_order: 1 },
    { id: '701:21', total_order: 2, data_collection_order: 1 },
    { id: '701:22', total_order: 3, data_collection_order: 2 },
    undefined,
    { id: '701:22', total_order: 4, data_collection_order: 3 },
  ])
  expect(format.after?.({ ...batchOf(1), betweenTransactions: false })).toEqual([])
  const [end] = parsed(format.after?.(batchOf(1)) ?? [])
  expect(end?.value).toEqual({
    status: 'END',
    id: '701:50',
    event_count: 4,
    data_collections: [
      { data_collection: 'public.users', event_count: 3 },
      { data_collection: 'public.orders', event_count: 1 },
    ],
    ts_ms: 1790000001123,
  })
  expect(format.after?.(batchOf(2))).toEqual([])
})

test('a transaction that was cut off and comes again is counted anew, and has not ended before', () => {
  const format = debeziumOf({ 'provide.transaction.metadata': true })
  const acts = [1, 2, 3].map((id) => insertOf(users, userRow(id)))
  for (const change of transactionOf(2, acts).slice(0, 2)) format.change(change)
  const again = parsed(transactionOf(2, acts).flatMap((change) => format.change(change)))
  expect(again.map(({ value }) => value.status ?? value.transaction.total_order)).toEqual(['BEGIN', 1, 2, 3])
  expect(parsed(format.after?.(batchOf(2)) ?? [])[0]?.value).toMatchObject({ status: 'END', event_count: 3 })
})

test('a change that has no form is not counted, and takes no begin with it', () => {
  const format = debeziumOf({ 'provide.transaction.metadata': true })
  const poison: Row = [1n, 'x', 'NaN', null]
  const [first, second, third] = transactionOf(1, [insertOf(users, poison), insertOf(users, userRow(2)), insertOf(users, poison)])
  expect(() => format.change(first!)).toThrow(expect.objectContaining({ code: 'FORMAT_VALUE' })) // three acts give three
  expect(parsed(format.change(second!)).map(({ value }) => value.status ?? value.transaction.total_order)).toEqual(['BEGIN', 1])
  expect(() => format.change(third!)).toThrow(expect.objectContaining({ code: 'FORMAT_VALUE' }))
  expect(parsed(format.after?.(batchOf(1)) ?? [])[0]?.value).toMatchObject({ event_count: 1 })
})

test('a transaction ends before the next begins, also inside a batch', () => {
  const format = debeziumOf({ 'provide.transaction.metadata': true })
  const two = [1, 2].flatMap((at) => transactionOf(at, [insertOf(users, userRow(at))]))
  const said = parsed(two.flatMap((change) => format.change(change))).map(({ value }) => value.status ?? value.op)
  expect(said).toEqual(['BEGIN', 'c', 'END', 'BEGIN', 'c'])
})

test('a heartbeat comes once in an interval, as the log moves', () => {
  let now = NOW_MS
  const format = debeziumOf({ 'heartbeat.interval.ms': '1000' }, () => now)
  expect(format.after?.(batchOf(1))).toEqual([])
  now += 1000
  expect(parsed(format.after?.(batchOf(1)) ?? [])).toEqual([
    { topic: '__debezium-heartbeat.shop', key: { serverName: 'shop' }, value: { ts_ms: now }, headers: {} },
  ])
  expect(format.after?.(batchOf(1))).toEqual([])
})

test('the schema of a row before allows null where the log sends only the key', () => {
  const strict = { ...users, columns: users.columns.map((column) => ({ ...column, nullable: false })) }
  const optionals = (table: typeof users) => {
    const [{ value }] = said(insertOf(table, userRow(1)), { 'schemas.enable': true }) as [Parsed]
    return [0, 1].map((at) => value.schema.fields[at].fields.map((field: Parsed) => field.optional))
  }
  expect(optionals(strict)).toEqual([
    [false, true, true, true],
    [false, false, false, false],
  ])
  expect(optionals({ ...strict, identity: 'full' })[0]).toEqual([false, false, false, false])
})
