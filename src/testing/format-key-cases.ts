import assert from 'node:assert/strict'
import type { Format, Message } from '../contracts/format.ts'
import { deleteOf, everyKindRows, insertOf, updateOf, userRow } from './fixtures.ts'
import type { FormatCase } from './format-conformance.ts'
import { AT, changeOf, everyKind, keyless, messagesOfAll, onlyKey, sampleBatches, sampleChanges, users } from './format-samples.ts'

/** Keys, headers and tombstones, where it has them. */
export const keyCases: readonly FormatCase[] = [
  { title: 'gives one key to all that happens to one row, and others to other rows', run: ({ create }) => keysAreOfRows(create()) },
  {
    title: 'gives whole messages: a tombstone of a row that has a key has it, headers are text',
    run: ({ create }) => messagesAreWhole(create()),
  },
]

function keysAreOfRows(format: Format): void {
  const of = (messages: readonly Message[]) => messages.map(({ key }) => key)
  const inserted = of(format.change(changeOf(insertOf(users, userRow(1)))))
  const [key] = inserted.slice(-1)
  if (key === null || key === undefined) return
  const same = [
    of(format.change(changeOf(updateOf(users, userRow(1, 'new'))))),
    of(format.change(changeOf(deleteOf(users, onlyKey(1))))),
    of(format.read(users, userRow(1), AT)),
  ]
  for (const keys of same) for (const each of keys) assert.equal(each, key)
  const other = of(format.change(changeOf(insertOf(users, userRow(2)))))
  assert.ok(!other.includes(key), 'another row has another key')
  const moved = format.change(changeOf(updateOf(users, userRow(2), { before: onlyKey(1), oldKey: onlyKey(1) })))
  assert.ok(of(moved).includes(other.at(-1) ?? null), 'what moves to another key is told under the new key')
}

function messagesAreWhole(format: Format): void {
  const messages = [
    // A tombstone of a row without a key means nothing to anybody, but some formats have it.
    ...sampleChanges().flatMap((change) => (change.table === keyless ? [] : format.change(change))),
    ...everyKindRows().flatMap((row) => format.read(everyKind, row, AT)),
    ...messagesOfAll(format, sampleBatches()),
  ]
  for (const { key, value, headers, topic } of messages) {
    assert.ok(value !== null || key !== null, 'a tombstone has a key')
    for (const text of [key, value]) assert.ok(text === null || !/[\n\r]$/.test(text), 'no line break ends a key or a value')
    for (const header of Object.values(headers ?? {})) assert.equal(typeof header, 'string', 'headers are text')
    assert.notEqual(topic, '', 'a topic is null or has a name')
  }
}
