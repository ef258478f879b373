import assert from 'node:assert/strict'
import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Format } from '../contracts/format.ts'
import type { Row, Table } from '../contracts/table.ts'
import { batchOf, deleteOf, insertOf, transactionOf, updateOf, userRow } from './fixtures.ts'
import type { FormatCase } from './format-conformance.ts'
import { linesOf } from './format-line-cases.ts'
import { messagesOfAll, onlyKey, sampleBatches, sampleChanges, users } from './format-samples.ts'

/** What it remembers must never show. */
export const stateCases: readonly FormatCase[] = [
  { title: 'gives the same line for the same change', run: ({ create }) => isPure(create) },
  { title: 'gives the same messages for the same log, whenever it begins', run: ({ create }) => repeats(create) },
  { title: 'leaves alone what it gave before', run: ({ create }) => keepsWhatItGave(create()) },
  { title: 'takes versions of one table in turn', run: ({ create }) => takesVersions(create) },
  { title: 'says the same wherever the batches of a transaction are cut', run: ({ create }) => ignoresCuts(create) },
  { title: 'says so where it must see a transaction whole', run: ({ create }) => ownsUpToMemory(create) },
]

function isPure(create: () => Format): void {
  const format = create()
  if (!format.wholeTransactions && !format.control) assert.deepEqual(linesOf(format), linesOf(format))
  assert.deepEqual(linesOf(create()), linesOf(create()))
}

function repeats(create: () => Format): void {
  assert.deepEqual(messagesOfAll(create(), sampleBatches()), messagesOfAll(create(), sampleBatches()))
}

function keepsWhatItGave(format: Format): void {
  const given = sampleChanges().map((change) => format.change(change))
  const before = structuredClone(given)
  linesOf(format)
  messagesOfAll(format, sampleBatches())
  assert.deepEqual(given, before)
}

function takesVersions(create: () => Format): void {
  const shorter: Table = { ...users, version: 'shorter', columns: users.columns.slice(0, 2) }
  const acts: [Table, Row][] = [
    [users, userRow(1)],
    [shorter, [2n, 'two']],
    [users, userRow(3)],
  ]
  const format = create()
  const lines = acts.map(([table, row]) => format.changeLine(transactionOf(1, [insertOf(table, row)])[0]!)) // one act gives one change
  const alone = acts.map(([table, row]) => create().changeLine(transactionOf(1, [insertOf(table, row)])[0]!))
  assert.equal(dataOf(lines[1]).includes('balance'), false, 'a version tells of no column of another')
  assert.deepEqual(lines.map(dataOf), alone.map(dataOf))
}

/** The last line of a change: what went before may be its table's schema, said once. */
function dataOf(lines = ''): string {
  return lines.trimEnd().split('\n').at(-1) ?? ''
}

const ACTS = [insertOf(users, userRow(1)), updateOf(users, userRow(1, 'b')), insertOf(users, userRow(2)), deleteOf(users, onlyKey(1))]

/** The first transaction in batches of these many changes, and one more behind it. */
function cutInto(sizes: readonly number[]): ChangesBatch[] {
  const whole = batchOf(1, ...ACTS)
  let from = 0
  const parts = sizes.map((size, at) => {
    const changes = whole.changes.slice(from, (from += size))
    const isLast = at === sizes.length - 1
    return { ...whole, changes, betweenTransactions: isLast, end: isLast ? whole.end : `${whole.end}:${at}` }
  })
  return [...parts, batchOf(2, insertOf(users, userRow(7)))]
}

function ignoresCuts(create: () => Format): void {
  const whole = messagesOfAll(create(), cutInto([4]))
  for (const sizes of [
    [1, 3],
    [2, 2],
    [1, 1, 1, 1],
    [4, 0],
  ])
    assert.deepEqual(messagesOfAll(create(), cutInto(sizes)), whole, `cut into ${sizes.join(', ')}`)
}

/** Begun anew inside a transaction, it says the rest as it would have, or it says that this must not be. */
function ownsUpToMemory(create: () => Format): void {
  if (create().wholeTransactions || create().control) return
  const [first, ...rest] = cutInto([2, 2]) as [Batch, ...Batch[]] // two parts and another
  const inOne = create()
  messagesOfAll(inOne, [first])
  assert.deepEqual(messagesOfAll(create(), rest), messagesOfAll(inOne, rest))
}
