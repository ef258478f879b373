import assert from 'node:assert/strict'
import type { Change } from '../contracts/change.ts'
import type { Format } from '../contracts/format.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import {
  deleteOf,
  everyKindRows,
  everyKindTable,
  insertOf,
  messageAt,
  positionAt,
  transactionOf,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
} from './fixtures.ts'
import type { ConformanceCase } from './sink-subject.ts'

export type FormatSubject = {
  create(): Format
  /** Takes out of a parsed line what tells a snapshot's row from an insert: operation and place. Left out: not compared. */
  withoutPlace?(line: unknown): unknown
}

/** What a format must do. Knows no test runner; see `sinkConformance`. */
export function formatConformance({ create, withoutPlace }: FormatSubject): ConformanceCase[] {
  const cases = [
    { title: 'writes each line as one line of JSON', run: () => linesAreJson(create()) },
    { title: 'writes as lines what it gives as messages', run: () => linesAreMessages(create()) },
    { title: 'gives the same line for the same change', run: () => isPure(create) },
    { title: 'takes versions of one table in turn', run: () => takesVersions(create()) },
  ]
  if (withoutPlace)
    cases.push({ title: 'shows a row read as it shows the row inserted', run: () => readsLikeInserts(create(), withoutPlace) })
  return cases.map(({ title, run }) => ({ title, run: async () => run() }))
}

const AT = { position: positionAt(9), chunk: 'public.every_kind/g1/0' }

function sampleChanges(): Change[] {
  const users = usersTable()
  const everyKind = everyKindTable()
  const keyless: Table = { ...users, key: [], identity: 'full', version: 'keyless' }
  const onlyKey: Row = [1n, UNCHANGED, UNCHANGED, UNCHANGED]
  return [
    ...transactionOf(
      1,
      everyKindRows().map((row) => insertOf(everyKind, row)),
    ),
    ...transactionOf(2, [
      updateOf(users, userRow(1)),
      updateOf(users, [1n, 'part', null, UNCHANGED], { before: onlyKey, oldKey: onlyKey }),
      deleteOf(users, onlyKey),
      truncateOf(users),
      insertOf(keyless, userRow(1, 'line\nbreak "quoted" \u0007')),
      updateOf(keyless, userRow(1), { before: userRow(1, 'old') }),
      deleteOf(keyless, userRow(1)),
    ]),
    messageAt(3),
    { ...messageAt(4), tx: null, transactional: false },
  ]
}

function linesOf(format: Format): string[] {
  const table = everyKindTable()
  return [...sampleChanges().map((change) => format.changeLine(change)), ...everyKindRows().map((row) => format.readLine(table, row, AT))]
}

function linesAreJson(format: Format): void {
  for (const text of linesOf(format).filter((line) => line !== '')) {
    assert.ok(text.endsWith('\n'), 'ends in a line break')
    for (const line of text.slice(0, -1).split('\n')) {
      assert.ok(!line.includes('\r'), 'holds no other line break')
      assert.doesNotThrow(() => JSON.parse(line), line)
    }
  }
}

function linesAreMessages(format: Format): void {
  for (const change of sampleChanges()) {
    assert.equal(format.changeLine(change).split('\n').length - 1, format.change(change).length, change.op)
  }
}

function isPure(create: () => Format): void {
  const format = create()
  assert.deepEqual(linesOf(format), linesOf(format))
  assert.deepEqual(linesOf(format), linesOf(create()))
}

function takesVersions(format: Format): void {
  const before = usersTable()
  const after: Table = { ...before, version: 'shorter', columns: before.columns.slice(0, 2) }
  const lines = [insertOf(before, userRow(1)), insertOf(after, [2n, 'two']), insertOf(before, userRow(3))]
  const [first, second, third] = transactionOf(1, lines).map((change) => format.changeLine(change))
  assert.ok(first?.includes('1.50') && third?.includes('3.50'))
  assert.ok(!second?.includes('balance'))
}

function readsLikeInserts(format: Format, withoutPlace: (line: unknown) => unknown): void {
  const table = everyKindTable()
  for (const row of everyKindRows()) {
    const [insert] = transactionOf(1, [insertOf(table, row)])
    const inserted = format.changeLine(insert!) // one act gives one change
    const read = format.readLine(table, row, AT)
    assert.deepEqual(withoutPlace(JSON.parse(read)), withoutPlace(JSON.parse(inserted)))
  }
}
