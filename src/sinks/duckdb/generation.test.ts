import { expect, test } from 'vitest'
import type { LogicalType, Row } from '../../contracts/table.ts'
import { changes, control, makeTable, openTestSink, readAll, rows, temporaryFolder, writeAll } from './sink.fixture.ts'

const price = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale })
const INT: LogicalType = { kind: 'int32' }
const sorted = (found: Row[]) => found.map((row) => row.join(' ')).sort()

test('another key in the middle of a generation: the next one, by the new key, still finds what is stale', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const before = makeTable([
    ['id', INT],
    ['code', INT],
  ])
  const after = { ...before, key: [1], version: 'code' }
  await writeAll(sink, [
    rows(1, before, {
      rows: [
        [1, 10],
        [2, 20],
        [3, 30],
      ],
      chunk: 'public.users/g1/0',
    }),
    control(2, before, { event: 'snapshot-begin', generation: 'g2', fresh: false }),
    rows(3, before, { rows: [[1, 10]], chunk: 'public.users/g2/0' }),
    // As the core orders it: core/snapshot.test.ts, 'because its key changed'. An end that was on its way may lie between.
    control(4, after, { event: 'schema' }),
    control(4, after, { event: 'snapshot-end', generation: 'g2' }),
    control(4, after, { event: 'snapshot-begin', generation: 'g3', fresh: false }),
    changes(5, after, [{ op: 'insert', after: [4, 40] }]),
    rows(6, after, { rows: [[2, 20]], chunk: 'public.users/g3/0' }),
    control(7, after, { event: 'snapshot-end', generation: 'g3' }),
  ])
  expect(sorted(await readAll(sink, after))).toEqual(['2 20', '4 40'])
})

test('a key of another type in the middle of a generation: what is stale is deleted at its end', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const before = makeTable([['price', price(6, 2)]])
  const after = makeTable([['price', price(20, 4)]])
  await writeAll(sink, [
    rows(1, before, { rows: [['1.00'], ['2.00'], ['3.00']], chunk: 'public.users/g1/0' }),
    control(2, before, { event: 'snapshot-begin', generation: 'g2', fresh: false }),
    rows(3, before, { rows: [['1.00']], chunk: 'public.users/g2/0' }),
    changes(4, after, [{ op: 'insert', after: ['123456789.1234'] }]),
    rows(5, after, { rows: [['2.0000']], chunk: 'public.users/g2/1' }),
    control(6, after, { event: 'snapshot-end', generation: 'g2' }),
  ])
  expect(sorted(await readAll(sink, after))).toEqual(['1.0000', '123456789.1234', '2.0000'])
})

test('a key column made text in the middle of a generation: what is stale is deleted at its end', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path, { onValue: 'text' })
  const table = makeTable([['seen', { kind: 'timestamptz' }]])
  const [stays, stale, late] = ['2026-11-20T01:02:03.5Z', '2026-11-21T00:00:00Z', '+294276-12-31T23:59:59.999999Z']
  await writeAll(sink, [
    rows(1, table, { rows: [[stays], [stale]], chunk: 'public.users/g1/0' }),
    control(2, table, { event: 'snapshot-begin', generation: 'g2', fresh: false }),
    rows(3, table, { rows: [[stays]], chunk: 'public.users/g2/0' }),
    changes(4, table, [{ op: 'insert', after: [late] }]),
    control(5, table, { event: 'snapshot-end', generation: 'g2' }),
  ])
  expect(sorted(await readAll(sink, table))).toEqual([late, stays])
})
