import assert from 'node:assert/strict'
import type { Change } from '../contracts/change.ts'
import type { Format } from '../contracts/format.ts'
import { UNCHANGED, type Row } from '../contracts/table.ts'
import { deleteOf, everyKindRows, insertOf, messageAt, truncateOf, updateOf, userRow } from './fixtures.ts'
import type { FormatCase, FormatSubject } from './format-conformance.ts'
import { AT, changeOf, everyKind, onlyKey, users } from './format-samples.ts'

/** Nothing that a change says may be left out unsaid. */
export const valueCases: readonly FormatCase[] = [
  { title: 'tells every insert, update, delete and row read', run: tellsEach },
  { title: 'tells a delete from what leaves a row', run: ({ create }) => tellsApart(create()) },
  { title: 'tells the value of every column, and NULL from a value', run: tellsColumns },
  { title: 'tells what was not sent from NULL', run: ({ create }) => tellsUnsent(create()) },
]

const INSERT = changeOf(insertOf(users, userRow(1)))
const UPDATE = changeOf(updateOf(users, userRow(1)))
const DELETE = changeOf(deleteOf(users, onlyKey(1)))

function tellsEach({ create, tells = [] }: FormatSubject): void {
  const format = create()
  const others: Record<string, Change> = { truncate: changeOf(truncateOf(users)), message: messageAt(3) }
  const changes = [INSERT, UPDATE, DELETE, ...tells.flatMap((op) => others[op] ?? [])]
  for (const change of changes) assert.ok(format.change(change).length > 0, `says nothing of ${change.op}`)
  assert.ok(format.read(users, userRow(1), AT).length > 0, 'says nothing of a row read')
}

function tellsApart(format: Format): void {
  const [insert, update, remove] = [INSERT, UPDATE, DELETE].map((change) => textOf(format, change))
  assert.notEqual(remove, insert)
  assert.notEqual(remove, update)
}

function tellsColumns({ create, leavesOut }: FormatSubject): void {
  const format = create()
  const [usual, extreme, , nulls] = everyKindRows() as [Row, Row, Row, Row] // there are four
  for (const [at, { name, type }] of everyKind.columns.entries()) {
    if (at === 0 || (leavesOut ? leavesOut.includes(name) : ['unknown', 'composite'].includes(type.kind))) continue
    const texts = [usual, extreme, nulls].map((row) => textOf(format, changeOf(insertOf(everyKind, usual.with(at, row[at] ?? null)))))
    assert.equal(new Set(texts).size, 3, `${name}: two values and NULL are three things`)
  }
}

function tellsUnsent(format: Format): void {
  const unsent = textOf(format, changeOf(updateOf(users, [1n, 'a', '1.50', UNCHANGED])))
  const cleared = textOf(format, changeOf(updateOf(users, [1n, 'a', '1.50', null])))
  assert.notEqual(unsent, cleared)
}

function textOf(format: Format, change: Change): string {
  return JSON.stringify(format.change(change))
}
