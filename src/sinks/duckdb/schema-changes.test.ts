import { expect, test } from 'vitest'
import type { LogicalType, Row, Table } from '../../contracts/table.ts'
import { changes, control, makeTable, openTestSink, readAll, signal, temporaryFolder, writeAll, type Step } from './sink.fixture.ts'

const INT: LogicalType = { kind: 'int32' }
const BIG: LogicalType = { kind: 'int64' }
const TEXT: LogicalType = { kind: 'text', name: 'text' }
const NUMERIC: LogicalType = { kind: 'decimal', precision: 10, scale: 2 }
const STAMP: LogicalType = { kind: 'timestamptz' }

const BEFORE = makeTable([
  ['id', INT],
  ['a', TEXT],
  ['b', TEXT],
])
const inserts = (...given: Row[]): Step[] => given.map((after) => ({ op: 'insert', after }))

const CASES: [string, Table, Row, Row][] = [
  [
    'a column added',
    makeTable([
      ['id', INT],
      ['a', TEXT],
      ['b', TEXT],
      ['c', INT],
    ]),
    [1, 'x', 'y', null],
    [2, 'p', 'q', 5],
  ],
  [
    'a column added with what old rows hold',
    makeTable([
      ['id', INT],
      ['a', TEXT],
      ['b', TEXT],
      ['c', NUMERIC, { missing: '1.50' }],
    ]),
    [1, 'x', 'y', '1.50'],
    [2, 'p', 'q', '2.25'],
  ],
  [
    'several columns added, some with what old rows hold',
    makeTable([
      ['id', INT],
      ['a', TEXT],
      ['b', TEXT],
      ['c', NUMERIC, { missing: '1.50' }],
      ['d', TEXT],
      ['e', INT, { missing: 7 }],
      ['f', TEXT],
    ]),
    [1, 'x', 'y', '1.50', null, 7, null],
    [2, 'p', 'q', '2.25', 'd', 8, 'f'],
  ],
  [
    'a column added with what old rows hold, before one without',
    makeTable([
      ['id', INT],
      ['a', TEXT],
      ['b', TEXT],
      ['c', TEXT, { missing: 'was' }],
      ['d', TEXT],
    ]),
    [1, 'x', 'y', 'was', null],
    [2, 'p', 'q', 'is', 'd'],
  ],
  [
    'a column added that no literal says',
    makeTable([
      ['id', INT],
      ['a', TEXT],
      ['b', TEXT],
      ['c', { kind: 'array', of: STAMP }, { missing: ['-0043-03-15T00:00:00Z', null] }],
    ]),
    [1, 'x', 'y', ['-0043-03-15T00:00:00Z', null]],
    [2, 'p', 'q', []],
  ],
  [
    'a column dropped',
    makeTable([
      ['id', INT],
      ['b', TEXT, { id: 3 }],
    ]),
    [1, 'y'],
    [2, 'q'],
  ],
  [
    'a column renamed',
    makeTable([
      ['id', INT],
      ['renamed', TEXT],
      ['b', TEXT],
    ]),
    [1, 'x', 'y'],
    [2, 'p', 'q'],
  ],
  [
    'two columns that swap names',
    makeTable([
      ['id', INT],
      ['b', TEXT],
      ['a', TEXT],
    ]),
    [1, 'x', 'y'],
    [2, 'p', 'q'],
  ],
  [
    'a column renamed by case only',
    makeTable([
      ['id', INT],
      ['A', TEXT],
      ['b', TEXT],
    ]),
    [1, 'x', 'y'],
    [2, 'p', 'q'],
  ],
  [
    'a dropped name used again',
    makeTable([
      ['id', INT],
      ['b', TEXT, { id: 3 }],
      ['a', INT, { id: 4 }],
    ]),
    [1, 'y', null],
    [2, 'q', 3],
  ],
  [
    'a key that widens',
    makeTable([
      ['id', BIG],
      ['a', TEXT],
      ['b', TEXT],
    ]),
    [1n, 'x', 'y'],
    [2n, 'p', 'q'],
  ],
  [
    'a table renamed',
    makeTable(
      [
        ['id', INT],
        ['a', TEXT],
        ['b', TEXT],
      ],
      { name: 'people' },
    ),
    [1, 'x', 'y'],
    [2, 'p', 'q'],
  ],
  [
    'a table moved to another schema',
    makeTable(
      [
        ['id', INT],
        ['a', TEXT],
        ['b', TEXT],
      ],
      { schema: 'other "one"' },
    ),
    [1, 'x', 'y'],
    [2, 'p', 'q'],
  ],
  [
    'columns in another order',
    makeTable(
      [
        ['b', TEXT, { id: 3 }],
        ['id', INT, { id: 1 }],
        ['a', TEXT, { id: 2 }],
      ],
      { key: [1] },
    ),
    ['y', 1, 'x'],
    ['q', 2, 'p'],
  ],
  [
    'another key',
    makeTable(
      [
        ['id', INT],
        ['a', TEXT],
        ['b', TEXT],
      ],
      { keys: 2 },
    ),
    [1, 'x', 'y'],
    [2, 'p', 'q'],
  ],
]

test.each(CASES)('%s: rows stay and new ones fit', async (_, after, old, row) => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [
    changes(10, BEFORE, inserts([1, 'x', 'y'])),
    control(20, after, { event: 'schema' }),
    changes(30, after, inserts(row)),
  ])
  const id = after.columns.findIndex(({ id }) => id === 1)
  const sort = (rows: Row[]) => rows.sort((a, b) => Number(a[id]) - Number(b[id]))
  expect(sort(await readAll(sink, after))).toEqual([old, row])
  await using again = openTestSink(folder.path)
  expect(sort(await readAll(again, after))).toEqual([old, row])
})

test.each(CASES)('%s in the same batch as changes of the earlier version', async (_, after, old, row) => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await sink.write(changes(10, BEFORE, inserts([1, 'x', 'old'], [9, 'gone', ''])), signal)
  const early = changes(30, BEFORE, [
    { op: 'update', after: [1, 'x', 'y'] },
    { op: 'delete', before: [9, null, null] },
  ])
  const late = changes(30, after, inserts(row))
  await sink.write({ ...early, changes: [...early.changes, ...late.changes] }, signal)
  const found = await readAll(sink, after)
  const id = after.columns.findIndex(({ id }) => id === 1)
  expect(found.sort((a, b) => Number(a[id]) - Number(b[id]))).toEqual([old, row])
})

test('a new type keeps the values it can hold, until the source is read again', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const after = makeTable([
    ['id', INT],
    ['a', INT],
    ['b', TEXT],
  ])
  await writeAll(sink, [changes(10, BEFORE, inserts([1, '12', ''], [2, 'no number', ''])), control(20, after, { event: 'schema' })])
  expect((await readAll(sink, after)).sort()).toEqual([
    [1, 12, ''],
    [2, null, ''],
  ])
})

test('a table dropped and made again under its name begins empty', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const again = makeTable(
    [
      ['id', INT],
      ['other', INT],
    ],
    { id: 2 },
  )
  await writeAll(sink, [
    changes(10, BEFORE, inserts([1, 'x', 'y'])),
    control(20, BEFORE, { event: 'table-dropped' }),
    changes(30, again, inserts([1, 1])),
  ])
  expect(await readAll(sink, again)).toEqual([[1, 1]])
})

test('a dropped table keeps its rows', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [changes(10, BEFORE, inserts([1, 'x', 'y'])), control(20, BEFORE, { event: 'table-dropped' })])
  expect(await readAll(sink, BEFORE)).toEqual([[1, 'x', 'y']])
})

test('columns that differ by case only are refused by name', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const table = makeTable([
    ['id', INT],
    ['Name', TEXT],
    ['name', TEXT],
  ])
  await expect(sink.write(control(1, table, { event: 'schema' }), signal)).rejects.toMatchObject({
    code: 'SINK_NAME_CLASH',
    fields: { columns: 'Name, name' },
  })
})

test('a table that another made is refused and left alone', async () => {
  using folder = temporaryFolder()
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(`${folder.path}/test.duckdb`)
  const connection = await instance.connect()
  await connection.run('CREATE SCHEMA public; CREATE TABLE public."Users" AS SELECT 42 AS mine')
  connection.closeSync()
  instance.closeSync()
  await using sink = openTestSink(folder.path)
  await expect(sink.write(changes(1, BEFORE, inserts([1, 'x', 'y'])), signal)).rejects.toMatchObject({ code: 'SINK_TABLE_CLASH' })
  expect(await sink.resume()).toBeNull()
})

test('two tables that swap names keep their rows, whichever is heard of first', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const columns: Parameters<typeof makeTable>[0] = [['id', INT]]
  const [one, two] = [makeTable(columns, { id: 1, name: 'one' }), makeTable(columns, { id: 2, name: 'two' })]
  const [oneNow, twoNow] = [makeTable(columns, { id: 1, name: 'two' }), makeTable(columns, { id: 2, name: 'one' })]
  await writeAll(sink, [
    changes(1, one, inserts([1])),
    changes(2, two, inserts([2])),
    changes(3, oneNow, inserts([11])),
    changes(4, twoNow, inserts([22])),
  ])
  expect([(await readAll(sink, oneNow)).sort(), (await readAll(sink, twoNow)).sort()]).toEqual([
    [[1], [11]],
    [[2], [22]],
  ])
})

test('a value of a column added in the same batch can widen it', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const after = makeTable([
    ['id', INT],
    ['a', TEXT],
    ['b', TEXT],
    ['c', { kind: 'array', of: INT }],
  ])
  await sink.write(changes(10, BEFORE, inserts([1, 'x', 'y'])), signal)
  await sink.write(changes(20, after, inserts([2, 'p', 'q', [[1], [2]]])), signal)
  expect((await readAll(sink, after)).sort()).toEqual([
    [1, 'x', 'y', null],
    [2, 'p', 'q', [[1], [2]]],
  ])
})
