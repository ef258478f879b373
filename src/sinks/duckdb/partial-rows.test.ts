import { expect, test } from 'vitest'
import { UNCHANGED, type LogicalType, type Row } from '../../contracts/table.ts'
import {
  changes,
  control,
  makeTable,
  openTestSink,
  readAll,
  rows,
  signal,
  silent,
  temporaryFolder,
  writeAll,
  type Step,
} from './sink.fixture.ts'

const TEXT: LogicalType = { kind: 'text', name: 'text' }
const USERS = makeTable([
  ['id', { kind: 'int32' }],
  ['name', TEXT],
  ['doc', TEXT],
])
const COPIED = [
  control(1, USERS, { event: 'snapshot-begin' }),
  rows(2, USERS, { rows: [[1, 'one', 'big']], chunk: 'public.users/g1/0' }),
  control(3, USERS, { event: 'snapshot-end' }),
]
const key = (id: number): Row => [id, UNCHANGED, UNCHANGED]
const part = (id: number): Row => [id, 'new', UNCHANGED]

const ORPHANS: Record<string, Step[]> = {
  'an update': [{ op: 'update', after: part(7) }],
  'a change of the key': [{ op: 'update', after: part(8), oldKey: key(7) }],
  'two changes of the key': [
    { op: 'update', after: part(8), oldKey: key(7) },
    { op: 'update', after: [9, UNCHANGED, UNCHANGED], oldKey: key(8) },
  ],
  'an update of a row deleted before': [
    { op: 'delete', before: key(1) },
    { op: 'update', after: part(1) },
  ],
  'an update of a row truncated before': [{ op: 'truncate' }, { op: 'update', after: part(1) }],
}

test.each(Object.entries(ORPHANS))('%s that leaves values out is refused where the row is lost, and keeps nothing', async (_, steps) => {
  using folder = temporaryFolder()
  {
    await using sink = openTestSink(folder.path)
    await writeAll(sink, COPIED)
  }
  await using sink = openTestSink(folder.path)
  const batch = changes(10, USERS, [{ op: 'insert', after: [5, 'five', 'five'] }, ...steps])
  await expect(sink.write(batch, signal)).rejects.toMatchObject({
    code: 'SINK_PARTIAL_ROW',
    fields: { sink: 'duckdb', table: 'public.users' },
  })
  await sink[Symbol.asyncDispose]()
  expect(await readAll(sink, USERS)).toEqual([[1, 'one', 'big']])
})

test('an insert that leaves values out, and what becomes of it, waits for its key chunk at any time', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [
    ...COPIED,
    changes(10, USERS, [
      { op: 'insert', after: part(7) },
      { op: 'update', after: part(8), oldKey: key(7) },
      { op: 'delete', before: key(1) },
      { op: 'insert', after: part(1) },
    ]),
    // Their rows are held, in part: what they lack is no news.
    changes(11, USERS, [{ op: 'update', after: [9, 'newer', UNCHANGED], oldKey: key(8) }]),
    rows(12, USERS, {
      rows: [
        [9, 'newer', 'brought'],
        [1, 'new', 'brought'],
      ],
      chunk: 'public.users/holes/k1',
    }),
  ])
  expect((await readAll(sink, USERS)).sort()).toEqual([
    [1, 'new', 'brought'],
    [9, 'newer', 'brought'],
  ])
})

test('a generation that is read again opens the table, and an abandoned one keeps it open', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [
    ...COPIED,
    control(4, USERS, { event: 'snapshot-begin', generation: 'g2', fresh: false }),
    changes(10, USERS, [{ op: 'update', after: part(7) }]),
  ])
  await sink[Symbol.asyncDispose]()
  await sink.write(changes(11, USERS, [{ op: 'update', after: part(8) }]), signal)
  expect(await readAll(sink, USERS)).toHaveLength(3)
})

test('a table left out meanwhile is not all here when it comes back', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [...COPIED, control(4, USERS, { event: 'table-dropped' }), changes(10, USERS, [{ op: 'update', after: part(7) }])])
  expect(await readAll(sink, USERS)).toHaveLength(2)
})

test('a table that was never copied takes a row in part, and says so once', async () => {
  using folder = temporaryFolder()
  const warned: unknown[] = []
  await using sink = openTestSink(folder.path, {}, { ...silent, warn: (event, fields) => void warned.push([event, fields]) })
  await writeAll(
    sink,
    [7, 8].map((id) => changes(id, USERS, [{ op: 'update', after: part(id) }])),
  )
  expect(await readAll(sink, USERS)).toHaveLength(2)
  expect(warned).toEqual([['sink.rows.incomplete', { sink: 'duckdb', table: 'public.users' }]])
})
