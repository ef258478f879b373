/** The way over bytes says what the way over text says: line by line, message by message. */
import { expect, test } from 'vitest'
import type { Change } from '../../contracts/change.ts'
import type { Row } from '../../contracts/table.ts'
import { everyKindRows, everyKindTable, insertOf, sampleColumn, sampleTable, transactionAt, transactionOf, updateOf, usersTable, userRow, type Act } from '../../testing/fixtures.ts' // prettier-ignore
import { imageOf } from '../../testing/imaged-changes.ts'
import { putNumber } from '../../messages/debezium/put-number.ts'
import { debeziumOf } from './debezium.fixture.ts'

const OPTIONS = [
  {},
  { 'schemas.enable': true },
  { 'decimal.handling.mode': 'string', 'time.precision.mode': 'isostring', 'extended.headers.enabled': false },
  { 'decimal.handling.mode': 'double', 'time.precision.mode': 'connect', 'binary.handling.mode': 'hex', 'include.unknown.datatypes': true },
]

type Placed = Extract<Change, { op: 'insert' | 'update' }>

/** Three transactions, places in the log of one digit and of two, as a source gives them. */
function imaged(acts: readonly Act[]): { change: Placed; plain: Placed }[] {
  return [1, 2, 3].flatMap((at) => {
    const tx = { ...transactionAt(at), log: { first: 1, previous: at, end: null } }
    return transactionOf(at, acts).map((each, index) => {
      const plain = { ...each, tx, lsn: 6 + at + index } as Placed // inserts and updates only
      return { plain, change: { ...plain, image: imageOf(plain.table, plain.after) } }
    })
  })
}

function compare(acts: readonly Act[], properties: Record<string, unknown>): number {
  const format = debeziumOf({ 'event.converting.failure.handling.mode': 'warn', ...properties })
  const out = Buffer.alloc(256 * 1024)
  let written = 0
  for (const { change, plain } of imaged(acts)) {
    const line = format.changeLine(plain)
    const end = format.writeLine!(change, out, 7) // the format has it
    if (end >= 0) {
      expect(out.toString('utf8', 7, end)).toBe(line)
      written++
    }
    expect(format.change(change)).toEqual(format.change(plain))
  }
  return written / 3
}

test.each(OPTIONS)('rows of every kind by %j', (properties) => {
  const table = everyKindTable()
  const acts = everyKindRows().flatMap((row) => [insertOf(table, row), updateOf(table, row)])
  expect(compare(acts, properties)).toBe(acts.length)
})

test.each([
  ['numeric(10,2)', { kind: 'decimal', precision: 10, scale: 2 }, ['0.00', '-0.01', '1.28', '-1.28', '99999999.99', '-99999999.99', '32767.99', '-327.68', 'NaN']],
  ['numeric(20,0)', { kind: 'decimal', precision: 20, scale: 0 }, ['999999999999999', '1000000000000000', '-12345678901234567890', '255', '65536']],
  ['numeric(3,-2)', { kind: 'decimal', precision: 3, scale: -2 }, ['12300', '0', '-100']],
  ['timestamptz', { kind: 'timestamptz' }, ['2026-11-20T01:02:03Z', '2026-11-20T01:02:03.5Z', '2026-11-20T01:02:03.123456Z', '+12026-11-20T01:02:03Z', '-0043-03-15T00:00:00.1Z', 'infinity', '-infinity']],
  ['text', { kind: 'text', name: 'text' }, ['', '"\\/\b\f\n\r\t\u0000\u001f\u007f', 'Grüße 🚀 \u2028', 'x'.repeat(5000), '"'.repeat(3000)].map((text) => text.replace('\u0000', ''))],
  ['jsonb', { kind: 'json', binary: true }, ['null', '{"a": "\\"b\\\\"}', '[]']],
] as const)('values of %s', (_, type, values) => {
  const table = sampleTable('t', [sampleColumn('id', { kind: 'int64' }, { nullable: false }), sampleColumn('v "quoted"', type)])
  const acts = values.map((value, id) => insertOf(table, [BigInt(id), value] as Row))
  for (const properties of OPTIONS) expect(compare(acts, properties)).toBe(acts.length)
}) // prettier-ignore

test('keys of several columns, of text, and none', () => {
  const rows = [userRow(1), userRow(2, 'a "b"')].map((row) => row)
  for (const key of [[1, 0], [1], []]) {
    const table = usersTable({ key })
    expect(compare(rows.map((row) => insertOf(table, row)), { 'decimal.handling.mode': 'string' })).toBe(2) // prettier-ignore
  }
})

test('names of letters of several bytes', () => {
  const columns = ['id', '列'].map((name) => sampleColumn(name, { kind: 'text', name: 'text' }))
  const table = { ...sampleTable('表'.repeat(60), columns, { schema: 'größe' }), database: '数据库' }
  for (const properties of OPTIONS) expect(compare([insertOf(table, ['行', null])], properties)).toBe(1)
})

test('without room nothing is written, and what is skipped, counted or without a place goes the longer way', () => {
  const { change } = imaged([insertOf(usersTable(), userRow(1))])[0]! // one act gives one in each transaction
  expect(debeziumOf().writeLine?.(change, Buffer.alloc(100), 0)).toBe(-1)
  expect(debeziumOf({ 'skipped.operations': 'c' }).writeLine?.(change, Buffer.alloc(10_000), 0)).toBe(-1)
  expect(debeziumOf({ 'skipped.operations': 'c' }).change(change)).toEqual([])
  expect(debeziumOf({ 'provide.transaction.metadata': true }).change(change)).toHaveLength(2)
  const { lsn: _, ...unplaced } = change
  expect(debeziumOf().writeLine?.(unplaced as Change, Buffer.alloc(10_000), 0)).toBe(-1)
})

test.each([0, 9, 10, 4294967295, 4294967296, 999999999, 1000000000, 29343312, 1234567890123456, 9007199254740991])('the digits of %d', (number) => {
  const out = Buffer.alloc(20)
  expect(out.toString('latin1', 1, putNumber(number, out, 1))).toBe(String(number))
}) // prettier-ignore

test('counted in their transactions too', () => {
  const [table, rows] = [everyKindTable(), everyKindRows()]
  const said = (which: 'change' | 'plain') => {
    const format = debeziumOf({ 'event.converting.failure.handling.mode': 'warn', 'provide.transaction.metadata': true })
    return imaged(rows.map((row) => insertOf(table, row))).flatMap((each) => format.change(each[which]))
  }
  expect(said('change').map(({ key, value }) => [key, value])).not.toEqual([])
  const withoutBegins = (messages: ReturnType<typeof said>) => messages.filter(({ topic }) => topic !== 'shop.transaction')
  expect(withoutBegins(said('change'))).toEqual(withoutBegins(said('plain')))
})
