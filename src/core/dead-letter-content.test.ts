import { expect, test } from 'vitest'
import type { Change } from '../contracts/change.ts'
import { UNCHANGED, type Row } from '../contracts/table.ts'
import { sampleColumn, sampleTable } from '../testing/fixtures.ts'
import { lowerBoundsOf, withLowerBounds } from '../values/lower-bounds.ts'
import { packContent, unpackContent } from './dead-letter-content.ts'

const table = sampleTable('t', [sampleColumn('id', { kind: 'int32' }), sampleColumn('more', { kind: 'array', of: { kind: 'int32' } })])
const tx = { position: '1', xid: 1, commitTimeUs: 0 }
const through = (row: Row): Row => {
  const change: Change = { op: 'insert', table, before: null, oldKey: null, after: row, ordinal: 0, tx }
  const content = unpackContent(packContent({ change }))
  return 'change' in content && content.change.op === 'insert' ? content.change.after : []
}

test.each([
  ['what was not sent, and null', [UNCHANGED, null]],
  ['numbers', [-0, 9007199254740993n]],
  ['bytes and texts', [new Uint8Array([1, 2]), '\0']],
  ['fields', [1, { a: [1, null], __proto__x: 'b', n: null }]],
] satisfies [string, Row][])('%s stay as they are', (_, row) => {
  expect(through(row)).toEqual(row)
})

test('an array keeps the bounds it begins at, within a composite too', () => {
  const [bounded, composite] = through([withLowerBounds([1, null, 3], [0]), { inside: withLowerBounds([[1], [2]], [5, -2]) }])
  expect(bounded).toEqual([1, null, 3])
  expect(lowerBoundsOf(bounded as number[])).toEqual([0])
  const { inside } = composite as { inside: number[][] }
  expect(inside).toEqual([[1], [2]])
  expect(lowerBoundsOf(inside)).toEqual([5, -2])
})
