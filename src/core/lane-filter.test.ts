import { expect, test } from 'vitest'
import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Position } from '../contracts/position.ts'
import type { Table } from '../contracts/table.ts'
import { createLaneFilter } from './lane-filter.ts'

const tx = (position: Position) => ({ position, xid: 1, commitTimeUs: 0 })
const table = (id: number, version: string): Table => ({ schema: 's', name: `t${id}`, id, version, columns: [], key: [], identity: 'key' })
const placed = { log: '', carry: '', audience: null }
const P = (digit: number) => String(digit).padStart(16, '0')
const inside = (digit: number, ordinal: number) => `${P(digit)}:${ordinal.toString(16).toUpperCase().padStart(12, '0')}`

function insert(position: Position, ordinal: number): Change {
  return { op: 'insert', table: table(1, '1'), before: null, oldKey: null, after: [], ordinal, tx: tx(position) }
}
function changes(end: Position, ...list: Change[]): ChangesBatch {
  return { ...placed, kind: 'changes', changes: list, end, bytes: 1, betweenTransactions: !end.includes(':'), raw: new Uint8Array(1) }
}
const schema = (id: number, version: string, end: Position): Batch => ({
  ...placed,
  kind: 'control',
  event: 'schema',
  table: table(id, version),
  previous: null,
  end,
})
function rows(chunk: string, end: Position, audience: readonly string[] | null = null): Batch {
  return {
    ...placed,
    kind: 'rows',
    table: table(1, '1'),
    chunk,
    last: true,
    rowCount: 1,
    bytes: 1,
    end,
    audience,
    rows: () => [],
    columns: () => ({ rowCount: 1, vectors: [] }),
  }
}
const at = (position: Position, chunks: string[] = []) => createLaneFilter('a', { position, carry: '', chunks })
const seen = (batches: readonly Batch[]) =>
  batches.flatMap((batch) => (batch.kind === 'changes' ? batch.changes.map((change) => `${change.tx?.position}/${change.ordinal}`) : []))

test('gives a sink that holds nothing everything', () => {
  const batch = changes(P(3), insert(P(2), 0))
  expect(createLaneFilter('a', null)(batch)).toEqual([batch])
})

test('leaves out what is settled: whole batches, whole transactions, and a transaction up to its ordinal', () => {
  const filter = at(inside(4, 15))
  expect(filter(changes(P(3), insert(P(2), 0)))).toEqual([])
  expect(filter(changes(inside(4, 15), insert(P(4), 15)))).toEqual([])
  const [part] = filter(changes(P(6), insert(P(3), 0), insert(P(4), 15), insert(P(4), 16), insert(P(5), 0)))
  expect(seen(part === undefined ? [] : [part])).toEqual([`${P(4)}/16`, `${P(5)}/0`])
  // Its wire bytes would bring the settled changes back.
  expect(part).not.toHaveProperty('raw')
  const next = changes(P(7), insert(P(6), 0))
  expect(filter(next)).toEqual([next])
})

test('a transaction that commits at the position itself is not settled by it', () => {
  expect(seen(at(P(4))(changes(P(5), insert(P(3), 9), insert(P(4), 0))))).toEqual([`${P(4)}/0`])
})

test('holds descriptions from before the checkpoint back, then gives the newest of each table before the first new change', () => {
  const filter = at(P(5))
  expect(filter(schema(1, 'old', P(1)))).toEqual([])
  expect(filter(schema(2, 'old', P(1)))).toEqual([])
  expect(filter(schema(1, 'new', P(2)))).toEqual([])
  expect(filter({ ...placed, kind: 'control', event: 'table-dropped', table: table(2, 'old'), end: P(3) })).toEqual([])
  const out = filter(changes(P(7), insert(P(6), 0)))
  expect(out.map((batch) => (batch.kind === 'control' ? [batch.event, batch.table.version, batch.end] : batch.kind))).toEqual([
    ['schema', 'new', P(5)],
    'changes',
  ])
})

test('a description at the checkpoint itself is given: what follows it is new', () => {
  expect(at(P(5))(schema(1, 'new', P(5)))).toHaveLength(1)
})

test('what is held comes before whatever lies behind the checkpoint, and never after what is newer', () => {
  const versions = (batches: readonly Batch[]) =>
    batches.map((batch) => (batch.kind === 'control' && batch.event === 'schema' ? [batch.table.version, batch.end] : batch.kind))
  const passed = at(P(5))
  expect(passed(schema(1, 'old', P(1)))).toEqual([])
  expect(versions(passed(schema(1, 'new', P(6))))).toEqual([
    ['old', P(5)],
    ['new', P(6)],
  ])
  expect(versions(passed(changes(P(7), insert(P(6), 0))))).toEqual(['changes'])
  const reached = at(P(5))
  expect(reached(schema(1, 'old', P(1)))).toEqual([])
  expect(versions(reached(schema(1, 'new', P(5))))).toEqual([['new', P(5)]])
  expect(versions(reached(changes(P(7), insert(P(6), 0))))).toEqual(['changes'])
})

test('a table that is dropped at the checkpoint is not described after it', () => {
  const filter = at(P(5))
  expect(filter(schema(1, 'old', P(1)))).toEqual([])
  expect(filter({ ...placed, kind: 'control', event: 'table-dropped', table: table(1, 'old'), end: P(5) })).toHaveLength(1)
  expect(filter(changes(P(7), insert(P(6), 0))).map(({ kind }) => kind)).toEqual(['changes'])
})

test('rows go by audience and by finished chunks, and never take the position back', () => {
  const filter = at(P(5), ['s.t1/7/0'])
  expect(filter(rows('s.t1/7/0', P(6)))).toEqual([])
  expect(filter(rows('s.t1/7/1', P(6), ['b']))).toEqual([])
  expect(filter(rows('s.t1/7/1', P(2), ['a', 'b']))).toMatchObject([{ chunk: 's.t1/7/1', end: P(5) }])
})

test('rows before the checkpoint have their description before them, once, and none that is not theirs', () => {
  const filter = at(P(5))
  const told = (batches: readonly Batch[]) => batches.map((batch) => [batch.kind, batch.end])
  expect(filter(schema(1, 'old', P(1)))).toEqual([])
  expect(told(filter(rows('s.t1/7/0', P(1))))).toEqual([['rows', P(5)]])
  expect(filter(schema(1, '1', P(2)))).toEqual([])
  expect(filter(schema(2, '1', P(2)))).toEqual([])
  expect(told(filter(rows('s.t1/7/1', P(2))))).toEqual([
    ['control', P(5)],
    ['rows', P(5)],
  ])
  expect(told(filter(rows('s.t1/7/2', P(3))))).toEqual([['rows', P(5)]])
  expect(filter(changes(P(7), insert(P(6), 0))).map((batch) => (batch.kind === 'control' ? batch.table.id : batch.kind))).toEqual([
    2,
    'changes',
  ])
})
