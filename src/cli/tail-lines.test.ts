import { expect, test } from 'vitest'
import type { Change } from '../contracts/change.ts'
import { UNCHANGED } from '../contracts/table.ts'
import {
  deleteOf,
  insertOf,
  messageAt,
  sampleColumn,
  sampleTable,
  transactionOf,
  truncateOf,
  updateOf,
  usersTable,
  userRow,
} from '../testing/fixtures.ts'
import { widthOf } from './tail-cells.ts'
import { createLines } from './tail-lines.ts'

/** Every test its own: tables are aligned with those before. */
const wide = () => createLines({ color: false, columns: () => Infinity })
const only = (acts: Parameters<typeof transactionOf>[1]): Change => transactionOf(1, acts)[0]! // one act, one change
/** Without the time, which is that of the place. */
const lineOf = (change: Change) =>
  wide()
    .changeLine(change)
    .replace(/^\d\d:\d\d:\d\d\.\d{3} /, '')

test('a line tells time, kind, table, key and columns', () => {
  const users = usersTable()
  expect(wide().changeLine(only([insertOf(users, userRow(7, 'Ada'))]))).toMatch(/^\d\d:\d\d:\d\d\.123 insert {3}public\.users {2}id=7/)
  expect(lineOf(only([insertOf(users, userRow(7, 'Ada Byron'))]))).toBe(
    'insert   public.users  id=7  name="Ada Byron"  balance=7.50  doc={"n": 7}\n',
  )
  expect(lineOf(only([deleteOf(users, [7n, UNCHANGED, UNCHANGED, UNCHANGED])]))).toBe('delete   public.users  id=7\n')
  expect(lineOf(only([truncateOf(users)]))).toBe('truncate public.users\n')
  expect(lineOf(messageAt(1, 'hello'))).toBe('message  app  hello\n')
  expect(wide().readLine(users, userRow(1), { position: '0'.repeat(16), chunk: 'c' })).toMatch(/^ {13}read {5}public\.users {2}id=1/)
})

test('an update shows what changed where the old row is known, else what was sent', () => {
  const users = usersTable({ identity: 'full' })
  const update = updateOf(users, [7n, 'Eve', null, '{}'], { before: [7n, 'Ada', '1.00', '{}'] })
  expect(lineOf(only([update]))).toBe('update   public.users  id=7  name=Ada → Eve  balance=1.00 → null\n')
  const blind = updateOf(usersTable(), [7n, 'Eve', null, UNCHANGED])
  expect(lineOf(only([blind]))).toBe('update   public.users  id=7  name=Eve  balance=null\n')
  const moved = updateOf(usersTable(), [8n, 'Eve', null, '{}'], { oldKey: [7n, UNCHANGED, UNCHANGED, UNCHANGED] })
  expect(lineOf(only([moved]))).toMatch(/^update {3}public\.users {2}id=7 → 8 {2}name=Eve/)
})

test('nothing that a row holds steers the terminal or breaks the line', () => {
  const table = sampleTable('t\u001b[2J', [
    sampleColumn('id', { kind: 'int32' }),
    sampleColumn('a\nb', { kind: 'text', name: 'text' }),
    sampleColumn('raw', { kind: 'bytes' }),
  ])
  const evil = '\u001b]0;x\u0007 \u009b31m \u202e right to left \u2028 \r\n'
  const line = lineOf(only([insertOf(table, [1, evil, new Uint8Array([0, 27, 255])])]))
  // eslint-disable-next-line no-control-regex -- what must not be there
  expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
  expect(line).toContain('public.t\\u001b[2J')
  expect(line).toContain('raw=\\x001bff')
})

test('words are bare, all else is quoted: a text cannot pass for null or for another column', () => {
  const text = (value: string) => lineOf(only([insertOf(usersTable(), [1n, value, null, null])])).split('  ')[3]
  expect(['a', '', 'null', 'a b', 'a=b', '"', '日本'].map(text)).toEqual([
    'name=a',
    'name=""',
    'name="null"',
    'name="a b"',
    'name="a=b"',
    'name="\\""',
    'name=日本',
  ])
})

test.each([20, 40, 60, 79, 200])('a line takes no more than %i cells, wide signs and colours included', (columns) => {
  const table = usersTable({ identity: 'full' })
  for (const name of ['x'.repeat(300), '日本語'.repeat(50), '👍🏽'.repeat(40), 'e\u0301'.repeat(90)]) {
    const change = only([updateOf(table, [1n, name, null, '{}'], { before: [1n, 'old', null, '{}'] })])
    const line = createLines({ color: true, columns: () => columns }).changeLine(change)
    const plain = line.slice(0, -1).replaceAll(/\u001b\[\d+m/g, '')
    expect(widthOf(plain)).toBeLessThanOrEqual(columns)
    expect(line.match(/\u001b\[\d+m/g)?.length ?? 0).toBe(2 * (line.match(/\u001b\[0m/g)?.length ?? 0))
  }
})
