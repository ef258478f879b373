import { expect, test } from 'vitest'
import type { Change } from '../../contracts/change.ts'
import type { Format, Message } from '../../contracts/format.ts'
import { UNCHANGED, type Row } from '../../contracts/table.ts'
import { formatConformance } from '../../testing/format-conformance.ts'
import {
  deleteOf,
  everyKindRows,
  everyKindTable,
  insertOf,
  messageAt,
  transactionOf,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
  type Act,
} from '../../testing/fixtures.ts'
import { imageOf } from '../../testing/imaged-changes.ts'
import { config } from './config.ts'
import { createDebeziumFlat } from './debezium-flat.ts'

const NOW_MS = 1_800_000_000_000
const users = usersTable()
const full = { ...users, identity: 'full' as const }
const onlyKey: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
const plain = { 'schemas.enable': false, 'extended.headers.enabled': false, 'decimal.handling.mode': 'string' }

function flatOf(properties: Record<string, unknown> = {}): Format {
  return createDebeziumFlat(config.parse({ ...plain, ...properties }), { pipeline: 'shop' }, () => NOW_MS)
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON, whose shape is what they are about
type Parsed = any

const parsed = (messages: readonly Message[]) =>
  messages.map(({ key, value, ...rest }) => ({ ...rest, key: JSON.parse(key ?? 'null') as Parsed, value: value === null ? 'tombstone' : (JSON.parse(value) as Parsed) })) // prettier-ignore
const said = (act: Act, properties: Record<string, unknown> = {}) =>
  transactionOf(1, [act]).flatMap((change) => parsed(flatOf(properties).change(change)))

const lenient = { 'event.converting.failure.handling.mode': 'warn' }
const subject = { create: () => flatOf(lenient), withoutPlace: (line: unknown) => line }
for (const { title, run } of formatConformance(subject)) test(title, run)

test('a message is the row, under its key', () => {
  const row = { id: 1, name: 'user 1', balance: '1.50', doc: '{"n": 1}' }
  expect(said(insertOf(users, userRow(1)))).toEqual([{ topic: 'shop.public.users', key: { id: 1 }, value: row, headers: {} }])
  expect(said(updateOf(users, userRow(1)))[0]?.value).toEqual(row)
})

test.each([
  ['drop', []],
  ['tombstone', [null]],
  ['delete-to-tombstone', ['tombstone']],
  ['rewrite', [{ id: 1, name: 'user 1', balance: '1.50', doc: '{"n": 1}', __deleted: 'true' }]],
  ['rewrite-with-tombstone', [{ id: 1, name: 'user 1', balance: '1.50', doc: '{"n": 1}', __deleted: 'true' }, 'tombstone']],
])('a delete by %s', (mode, values) => {
  const messages = said(deleteOf(full, userRow(1)), { 'delete.tombstone.handling.mode': mode })
  expect(messages.map(({ value }) => value)).toEqual(values)
  for (const { key } of messages) expect(key).toEqual({ id: 1 })
})

test('rewriting says of other rows that they are not deleted', () => {
  expect(said(insertOf(users, userRow(1)), { 'delete.tombstone.handling.mode': 'rewrite' })[0]?.value).toMatchObject({ __deleted: 'false' })
})

test('an update of the key is a delete and a row, as far as deletes are told', () => {
  const act = updateOf(users, userRow(2), { before: onlyKey, oldKey: onlyKey })
  const messages = said(act, { 'delete.tombstone.handling.mode': 'delete-to-tombstone' })
  expect(messages.map(({ key, value, headers }) => [key.id, value.id ?? value, headers])).toEqual([
    [1, 'tombstone', { '__debezium.newkey': '{"id":2}' }],
    [2, 2, { '__debezium.oldkey': '{"id":1}' }],
  ])
})

test('a truncate has no row; a logical message is told as it is', () => {
  expect(said(truncateOf(users), { 'skipped.operations': 'none' })).toEqual([])
  expect(parsed(flatOf().change(messageAt(1)))[0]?.value).toMatchObject({ op: 'm', message: { prefix: 'app' } })
})

test('fields of the envelope are added to rows and headers, under other names where wanted', () => {
  const properties = {
    'add.fields': 'op, table, source.ts_ns, ts_ms:MADE, transaction.id',
    'add.headers': ['op', 'db', 'txId', 'sequence', 'origin'],
    'add.headers.prefix': 'x-',
  }
  const [message] = said(insertOf({ ...users, database: 'a "quoted" name' }, userRow(1)), properties)
  expect(message?.value).toMatchObject({
    __op: 'c',
    __table: 'users',
    __source_ts_ns: 1790000001123456000,
    __MADE: NOW_MS,
    __transaction_id: null,
  })
  expect(message?.headers).toEqual({ 'x-op': 'c', 'x-db': 'a "quoted" name', 'x-txId': '701', 'x-sequence': '[null,"256"]' })
  const [row, tombstone] = said(deleteOf(full, userRow(1)), { ...properties, 'delete.tombstone.handling.mode': 'rewrite-with-tombstone' })
  expect(row?.value).toMatchObject({ __deleted: 'true', __op: 'd' })
  expect(tombstone?.headers).toEqual(row?.headers)
  expect(config.safeParse({ 'add.fields': 'op,nonsense' }).error?.issues[0]?.message).toContain('nonsense')
})

test('rows in the bytes they came in look the same', () => {
  const properties = { ...lenient, 'add.fields': 'op,lsn', 'route.by.field': 'words', 'header.changed.name': 'changed' }
  for (const options of [{}, properties, { ...lenient, 'schemas.enable': true }]) {
    const table = everyKindTable()
    const [plain, image] = [flatOf({ ...lenient, ...options }), flatOf({ ...lenient, ...options })]
    for (const change of transactionOf(
      1,
      everyKindRows().map((row) => insertOf(table, row)),
    )) {
      // prettier-ignore
      const { after } = change as { after: Row } // an insert
      expect(image.change({ ...change, image: imageOf(table, after) } as Change)).toEqual(plain.change(change))
    }
  }
})

test('the value of a column routes, where the table has it and the row says something', () => {
  const by = { 'route.by.field': 'name', 'delete.tombstone.handling.mode': 'delete-to-tombstone' }
  expect(said(insertOf(users, userRow(1, 'elsewhere')), by)[0]?.topic).toBe('elsewhere')
  expect(said(deleteOf(full, userRow(1, 'elsewhere')), by)[0]?.topic).toBe('elsewhere')
  expect(said(deleteOf(users, onlyKey), by)[0]?.topic).toBe('shop.public.users')
  expect(said(insertOf(users, userRow(1)), { 'route.by.field': 'none' })[0]?.topic).toBe('shop.public.users')
  expect(() => said(insertOf(users, userRow(1)), { 'route.by.field': 'id' })).toThrow(expect.objectContaining({ code: 'FORMAT_VALUE' }))
})

test('headers tell which columns an update changed, and the others may be left out', () => {
  const names = { 'header.changed.name': 'Changed', 'header.unchanged.name': 'Unchanged' }
  const act = updateOf(full, userRow(1, 'new'), { before: userRow(1, 'old') })
  expect(said(act, names)[0]?.headers).toEqual({ Changed: '["name"]', Unchanged: '["id","balance","doc"]' })
  expect(said(insertOf(full, userRow(1)), names)[0]?.headers).toEqual({ Changed: '[]', Unchanged: '[]' })
  const dropping = { ...names, 'drop.fields.header.name': 'Unchanged' }
  expect(said(act, dropping)[0]?.value).toEqual({ id: 1, name: 'new' })
  expect(said(act, { ...dropping, 'drop.fields.keep.schema.compatible': false })[0]?.value).toEqual({ name: 'new' })
  expect(config.safeParse({ 'drop.fields.header.name': 'Other' }).error?.issues[0]?.path).toEqual(['drop.fields.header.name'])
})

test('the schema is that of the row, with what was added and without what was left out', () => {
  const properties = { 'schemas.enable': true, 'add.fields': 'op', 'header.unchanged.name': 'same', 'drop.fields.header.name': 'same' }
  const fieldsOf = ({ value }: Parsed) => value.schema.fields.map(({ field }: Parsed) => field)
  const act = updateOf(full, userRow(1, 'new'), { before: userRow(1, 'old') })
  const [update] = said(act, properties)
  expect(fieldsOf(update)).toEqual(['id', 'name', '__op'])
  expect(update?.value.schema).toMatchObject({ type: 'struct', optional: false, name: 'shop.public.users.Value' })
  const [gone] = said(deleteOf(full, userRow(1)), properties)
  expect(gone?.value).toMatchObject({ schema: { optional: true }, payload: null })
})
