import { expect, test } from 'vitest'
import type { Row, Table } from '../contracts/table.ts'
import type { VerifyOptions } from './verify-options.ts'
import { verifyTable } from './verify.ts'

const column = (name: string, id: number, kind: 'int32' | 'int64') => ({
  name,
  id,
  type: { kind },
  sourceType: kind,
  typeOid: 23,
  typeModifier: -1,
  nullable: true,
})
const keyed: Table = {
  schema: 'public',
  name: 'items',
  id: 1,
  version: 'v',
  columns: [column('id', 1, 'int32'), column('value', 2, 'int64')],
  key: [0],
  identity: 'key',
}
const keyless: Table = { ...keyed, key: [], identity: 'nothing' }

const rowsOf = (count: number): Row[] => Array.from({ length: count }, (_, id) => [id, BigInt(id * 7)])

/** A side over rows by reference; `onScan` changes them between looks. */
function side(rows: Row[], onScan: (scans: number) => void = () => {}) {
  let scans = 0
  return {
    async *scan(_table: Table, keys: readonly Row[] | null) {
      onScan(++scans)
      const wanted = keys && new Set(keys.map((key) => key[0]))
      const found = rows.filter((row) => !wanted || wanted.has(row[0]))
      for (let at = 0; at < found.length; at += 100) yield found.slice(at, at + 100).map((row) => [...row])
    },
  }
}

const still = { head: async () => '0', passed: async () => {}, signal: new AbortController().signal }
const set = (rows: Row[], at: number, value: Row[number]) => rows.splice(at, 1, [rows[at]?.[0] ?? null, value])

test('finds equal sides equal whatever the order of their rows', async () => {
  const verdict = await verifyTable(side(rowsOf(1000)), side(rowsOf(1000).toReversed()), keyed, still)
  expect(verdict).toEqual({
    table: 'public.items',
    rows: { source: 1000, sink: 1000 },
    differing: [],
    more: false,
    unsettled: 0,
    undecided: [],
    reason: null,
  })
})

test('names the keys that are missing, extra and different', async () => {
  const sink = rowsOf(1000)
  set(sink, 10, 0n)
  sink.splice(20, 1)
  sink.push([5000, 1n])
  const verdict = await verifyTable(side(rowsOf(1000)), side(sink), keyed, still)
  expect(verdict.rows).toEqual({ source: 1000, sink: 1000 })
  expect(verdict.differing).toEqual([
    { key: { id: '10' }, what: 'different' },
    { key: { id: '20' }, what: 'missing' },
    { key: { id: '5000' }, what: 'extra' },
  ])
})

test('tells null from zero and one row from two', async () => {
  const sink = rowsOf(10)
  set(sink, 0, null)
  expect((await verifyTable(side(rowsOf(10)), side(sink), keyed, still)).differing).toHaveLength(1)
  const twice = [...rowsOf(10), ...rowsOf(1)]
  expect((await verifyTable(side(rowsOf(10)), side(twice), keyless, still)).differing).toHaveLength(1)
})

test('clears what was only under way: the sink catches up before it is looked at again', async () => {
  const source = rowsOf(1000)
  const sink = rowsOf(1000)
  const behind: (() => void)[] = []
  const live = side(source, (scans) => {
    if (scans !== 1) return
    set(source, 5, 999n)
    behind.push(() => set(sink, 5, 999n))
  })
  const passed = async () => behind.splice(0).forEach((apply) => apply())
  const verdict = await verifyTable(live, side(sink), keyed, { ...still, passed })
  expect(verdict).toMatchObject({ differing: [], unsettled: 0 })
})

test('says nothing of a key that the source changes at every look, and everything of its neighbour', async () => {
  const source = rowsOf(100)
  const sink = rowsOf(100)
  set(sink, 7, 1n)
  const live = side(source, (scans) => set(source, 5, BigInt(scans * 1000 + 1)))
  const verdict = await verifyTable(live, side(sink), keyed, still)
  expect(verdict.differing).toEqual([{ key: { id: '7' }, what: 'different' }])
  expect(verdict).toMatchObject({ unsettled: 1, undecided: [{ id: '5' }] })
})

test('decides keys that change all the time with the sink held still', async () => {
  const source = rowsOf(100)
  const sink = rowsOf(100)
  const live = side(source, (scans) => {
    set(source, 5, BigInt(scans * 1000 + 1))
    set(source, 7, BigInt(scans * 1000 + 1))
  })
  const held: VerifyOptions['held'] = async (_, keys, compare) => {
    set(sink, 5, source[5]?.[1] ?? null) // all that the snapshot sees has come; of the other key it never does
    return compare(source.filter((row) => keys.some((key) => key[0] === row[0])))
  }
  const verdict = await verifyTable(live, side(sink), keyed, { ...still, held })
  expect(verdict).toMatchObject({ differing: [{ key: { id: '7' }, what: 'different' }], unsettled: 0 })
})

test('ends where the sink never gets there, and where time is up, naming what is undecided', async () => {
  const behind = await verifyTable(side(rowsOf(10)), side(rowsOf(9)), keyed, { ...still, passed: async () => false })
  expect(behind).toMatchObject({ differing: [], reason: 'the sink did not pass 0 in time' })
  const late = await verifyTable(side(rowsOf(10)), side(rowsOf(9)), keyed, { ...still, isLate: () => true })
  expect(late).toMatchObject({ differing: [], unsettled: 1, undecided: [{ id: '9' }] })
})

test('lists at most a thousand keys of an empty sink and says that there are more', async () => {
  const verdict = await verifyTable(side(rowsOf(5000)), side([]), keyed, still)
  expect(verdict.rows).toEqual({ source: 5000, sink: 0 })
  expect(verdict.differing).toHaveLength(1000)
  expect(verdict.more).toBe(true)
})
