import { expect, test } from 'vitest'
import { UNCHANGED, type LogicalType, type Row } from '../../contracts/table.ts'
import { at, changes, control, makeTable, openTestSink, readAll, rows, signal, silent, temporaryFolder, writeAll } from './sink.fixture.ts'

const INT: LogicalType = { kind: 'int32' }
const TEXT: LogicalType = { kind: 'text', name: 'text' }
const USERS = makeTable([
  ['id', INT],
  ['name', TEXT],
  ['doc', TEXT],
])
const LOGS = makeTable(
  [
    ['line', TEXT],
    ['size', { kind: 'float64' }],
  ],
  { keys: 0, id: 7, name: 'logs', identity: 'full' },
)

const sorted = (found: Row[]) => found.sort((a, b) => Number(a[0]) - Number(b[0]))

test('knows position, carry and chunks after a restart', async () => {
  using folder = temporaryFolder()
  {
    await using sink = openTestSink(folder.path)
    expect(await sink.resume()).toBeNull()
    await writeAll(sink, [
      control(1, USERS, { event: 'snapshot-begin' }),
      rows(2, USERS, { rows: [[1, 'a', 'b']], chunk: 'public.users/g1/0' }),
      rows(3, USERS, { rows: [[2, 'a', 'b']], chunk: 'public.users/g1/1', last: false }),
    ])
  }
  await using sink = openTestSink(folder.path)
  expect(await sink.resume()).toEqual({ position: at(3), carry: 'c3', chunks: ['public.users/g1/0'] })
  await writeAll(sink, [control(4, USERS, { event: 'snapshot-end' })])
  expect(await sink.resume()).toEqual({ position: at(4), carry: 'c4', chunks: ['public.users/g1/end'] })
})

test('a batch that fails leaves neither rows nor position', async () => {
  using folder = temporaryFolder()
  const priced = makeTable(
    [
      ['id', INT],
      ['price', { kind: 'decimal', precision: 6, scale: 2 }],
    ],
    { id: 2, name: 'prices' },
  )
  {
    await using sink = openTestSink(folder.path)
    const good = changes(5, USERS, [{ op: 'insert', after: [1, 'a', 'b'] }])
    const bad = changes(5, priced, [{ op: 'insert', after: [1, 'NaN'] }])
    await expect(sink.write({ ...good, changes: [...good.changes, ...bad.changes] }, signal)).rejects.toMatchObject({
      code: 'SINK_VALUE',
      fields: { table: 'public.prices', column: 'price' },
    })
  }
  await using sink = openTestSink(folder.path)
  expect(await sink.resume()).toBeNull()
  expect(await readAll(sink, USERS)).toEqual([])
})

test('changes that the position contains are not applied again after a restart, wherever batches are cut', async () => {
  using folder = temporaryFolder()
  const whole = changes(
    10,
    LOGS,
    ['a', 'b', 'c', 'd'].map((line) => ({ op: 'insert', after: [line, 1] })),
  )
  const part = { ...whole, changes: whole.changes.slice(0, 2), end: `${at(9)}:000000000001` }
  for (const batch of [part, whole, whole]) {
    await using sink = openTestSink(folder.path)
    await sink.resume()
    await sink.write(batch, signal)
  }
  await using sink = openTestSink(folder.path)
  expect((await readAll(sink, LOGS)).map(([line]) => line).sort()).toEqual(['a', 'b', 'c', 'd'])
})

test.each([false, true])(
  'changes held back during a copy come from behind the position and are applied, closing between: %s',
  async (closeBetweenFlushes) => {
    using folder = temporaryFolder()
    await using sink = openTestSink(folder.path, { closeBetweenFlushes })
    await sink.write(changes(20, LOGS, [{ op: 'insert', after: ['a', 1] }]), signal)
    await sink.flush(signal)
    await sink.write({ ...changes(10, LOGS, [{ op: 'insert', after: ['held', 1] }]), end: at(20) }, signal)
    expect((await readAll(sink, LOGS)).map(([line]) => line).sort()).toEqual(['a', 'held'])
  },
)

test('a partial update keeps what was not sent, also through a change of the key', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await sink.write(
    changes(10, USERS, [
      { op: 'insert', after: [1, 'a', 'big'] },
      { op: 'insert', after: [2, 'b', 'bigger'] },
    ]),
    signal,
  )
  await sink.write(
    changes(20, USERS, [
      { op: 'update', after: [1, 'A', UNCHANGED] },
      { op: 'update', after: [3, 'B', UNCHANGED], oldKey: [2, UNCHANGED, UNCHANGED] },
      { op: 'update', after: [4, UNCHANGED, 'small'], oldKey: [3, UNCHANGED, UNCHANGED] },
    ]),
    signal,
  )
  expect(sorted(await readAll(sink, USERS))).toEqual([
    [1, 'A', 'big'],
    [4, 'B', 'small'],
  ])
})

test('a partial row that the table does not hold waits for its key chunk', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [
    control(1, USERS, { event: 'snapshot-begin' }),
    changes(10, USERS, [{ op: 'update', after: [1, 'new', UNCHANGED] }]),
  ])
  expect(await readAll(sink, USERS)).toEqual([[1, 'new', null]])
  await writeAll(sink, [
    rows(11, USERS, { rows: [[1, 'new', 'big']], chunk: 'public.users/g1/keys' }),
    control(12, USERS, { event: 'snapshot-end' }),
  ])
  expect(await readAll(sink, USERS)).toEqual([[1, 'new', 'big']])
})

test('a table without a key is a bag: equal rows are counted', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const line: Row = ['same', NaN]
  await sink.write(
    changes(
      10,
      LOGS,
      [line, line, line, ['other', null], ['other', null]].map((after) => ({ op: 'insert', after })),
    ),
    signal,
  )
  await sink.write(
    changes(20, LOGS, [
      { op: 'delete', before: line },
      { op: 'update', before: ['other', null], after: ['changed', 1] },
    ]),
    signal,
  )
  const found = (await readAll(sink, LOGS)).map((row) => row.join(' ')).sort()
  expect(found).toEqual(['changed 1', 'other ', 'same NaN', 'same NaN'])
})

test('a copy of a table without a key replaces what was there', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [
    rows(1, LOGS, { rows: [['old', 1]], chunk: 'public.logs/g0/0', last: false }),
    control(2, LOGS, { event: 'snapshot-begin', generation: 'g2', fresh: false }),
    rows(3, LOGS, { rows: [['new', 2]], chunk: 'public.logs/g2/0' }),
    control(4, LOGS, { event: 'snapshot-end', generation: 'g2' }),
  ])
  expect(await readAll(sink, LOGS)).toEqual([['new', 2]])
})

test('a generation survives a restart: what was delivered before it stays', async () => {
  using folder = temporaryFolder()
  const begin = control(2, USERS, { event: 'snapshot-begin', generation: 'g2', fresh: false })
  {
    await using sink = openTestSink(folder.path)
    await writeAll(sink, [
      rows(1, USERS, {
        rows: [
          [1, 'gone', ''],
          [2, 'stays', ''],
          [3, 'streamed', ''],
        ],
        chunk: 'public.users/g1/0',
      }),
      begin,
      rows(3, USERS, { rows: [[2, 'stays', '']], chunk: 'public.users/g2/0' }),
    ])
  }
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [
    begin,
    changes(9, USERS, [{ op: 'update', after: [3, 'updated', UNCHANGED] }]),
    control(10, USERS, { event: 'snapshot-end', generation: 'g2' }),
  ])
  expect(sorted(await readAll(sink, USERS))).toEqual([
    [2, 'stays', ''],
    [3, 'updated', ''],
  ])
})

test('gives back only the rows with the keys asked for', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await sink.write(
    changes(
      10,
      USERS,
      [1, 2, 3].map((id) => ({ op: 'insert', after: [id, 'n', 'd'] })),
    ),
    signal,
  )
  expect(
    sorted(
      await readAll(sink, USERS, [
        [3, null, null],
        [1, null, null],
        [8, null, null],
      ]),
    ),
  ).toEqual([
    [1, 'n', 'd'],
    [3, 'n', 'd'],
  ])
})

const STAMPS = makeTable([
  ['id', INT],
  ['seen', { kind: 'timestamptz' }],
])
const LATE = '+294276-12-31T23:59:59.999999Z'

test.each([
  ['text', LATE],
  ['null', null],
  ['clamp', '+294247-01-10T04:00:54.775806Z'],
])('by onValue %s a timestamp past the range becomes %s', async (onValue, expected) => {
  using folder = temporaryFolder()
  const warned: string[] = []
  await using sink = openTestSink(
    folder.path,
    { onValue },
    { ...silent, warn: (event) => void warned.push(event), info: (event) => void warned.push(event) },
  )
  const early = '-0043-03-15T00:00:00.25Z'
  await sink.write(changes(10, STAMPS, [{ op: 'insert', after: [1, early] }]), signal)
  await sink.write(changes(20, STAMPS, [{ op: 'insert', after: [2, LATE] }]), signal)
  expect(sorted(await readAll(sink, STAMPS))).toEqual([
    [1, early],
    [2, expected],
  ])
  expect(warned).toHaveLength(1)
})

test('by default a value past the range stops, naming the column and not the value', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const error = await sink.write(changes(10, STAMPS, [{ op: 'insert', after: [1, LATE] }]), signal).catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ code: 'SINK_VALUE', fields: { column: 'seen' } })
  expect(String(error)).not.toContain('294276')
})

test('a chunk read again in its generation replaces its rows', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await writeAll(sink, [
    control(1, USERS, { event: 'snapshot-begin' }),
    rows(2, USERS, {
      rows: [
        [1, 'a', ''],
        [2, 'b', ''],
      ],
      chunk: 'public.users/g1/0',
    }),
    rows(3, USERS, {
      rows: [
        [3, 'c', ''],
        [4, 'd', ''],
      ],
      chunk: 'public.users/g1/1',
    }),
    rows(4, USERS, {
      rows: [
        [2, 'b', ''],
        [3, 'c', ''],
      ],
      chunk: 'public.users/g1/2',
    }),
  ])
  expect(sorted(await readAll(sink, USERS))).toEqual([
    [1, 'a', ''],
    [2, 'b', ''],
    [3, 'c', ''],
    [4, 'd', ''],
  ])
})

test('a row that comes back in part takes nothing from the row deleted before it', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await sink.write(changes(10, USERS, [{ op: 'insert', after: [1, 'old', 'old'] }]), signal)
  await sink.write(
    changes(20, USERS, [
      { op: 'delete', before: [1, UNCHANGED, UNCHANGED] },
      { op: 'insert', after: [1, 'new', UNCHANGED] },
    ]),
    signal,
  )
  expect(await readAll(sink, USERS)).toEqual([[1, 'new', null]])
})
