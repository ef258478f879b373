import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { UNCHANGED, type Table } from '../../contracts/table.ts'
import {
  batchOf,
  deleteOf,
  insertOf,
  messageAt,
  positionAt,
  rowsAt,
  schemaAt,
  snapshotBeginAt,
  snapshotEndAt,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
} from '../../testing/fixtures.ts'
import { createDeferred } from '../../lib/deferred.ts'
import { createMemorySinkState } from '../../testing/memory-sink-state.ts'
import { createLocalStore, fileSystem } from './local-store.ts'
import { close, createLake, flush, writeAll, type Lake } from './sink.fixture.ts'

const users = usersTable()
const others = usersTable({ name: 'others', id: 2 })
const insertAt = (index: number, table: Table = users) => batchOf(index, insertOf(table, userRow(index)))
const nameAt = (index: number, ordinal = 0) => `${positionAt(index)}-${String(ordinal).padStart(10, '0')}.parquet`

let lake: Lake
beforeEach(() => void (lake = createLake()))
afterEach(() => rmSync(lake.root, { recursive: true, force: true }))

const idsIn = async (folder: string) => {
  const ids: unknown[] = []
  for (const name of await lake.files(folder)) ids.push(...(await lake.rows(`${folder}/${name}`)).map((row) => row.id))
  return ids
}

describe('files of changes', () => {
  test('say of each change what it was, where it stands and what it left alone', async () => {
    const { sink } = await lake.open()
    const partial = updateOf(users, [1n, 'new', null, UNCHANGED])
    const moved = updateOf(users, [9n, 'moved', '1.50', UNCHANGED], {
      oldKey: [1n, null, null, null],
      before: [1n, UNCHANGED, UNCHANGED, UNCHANGED],
    })
    const removed = deleteOf(users, [9n, UNCHANGED, UNCHANGED, UNCHANGED])
    await writeAll(sink, [batchOf(1, insertOf(users, userRow(1)), partial, moved, removed, truncateOf(users))])
    await flush(sink)
    await close(sink)
    const rows = await lake.rows(`public.users/changes/${nameAt(1)}`)
    const place = (ordinal: bigint) => ({ _position: positionAt(1), _ordinal: ordinal, _commit_time: expect.stringMatching(/^2026-.*Z$/) })
    const bare = { name: null, balance: null, doc: null }
    expect(rows).toEqual([
      { _op: 'insert', ...place(0n), _unchanged: null, _old_key: null, id: 1n, name: 'user 1', balance: '1.50', doc: '{"n": 1}' },
      { _op: 'update', ...place(1n), _unchanged: ['doc'], _old_key: null, id: 1n, name: 'new', balance: null, doc: null },
      { _op: 'delete', ...place(2n), _unchanged: null, _old_key: null, id: 1n, ...bare },
      { _op: 'update', ...place(2n), _unchanged: ['doc'], _old_key: '{"id":1}', id: 9n, name: 'moved', balance: '1.50', doc: null },
      { _op: 'delete', ...place(3n), _unchanged: null, _old_key: null, id: 9n, ...bare },
      { _op: 'truncate', ...place(4n), _unchanged: null, _old_key: null, id: null, ...bare },
    ])
  })

  test('logical messages have a folder of their own', async () => {
    const { sink } = await lake.open()
    await writeAll(sink, [
      { ...batchOf(1), changes: [messageAt(1)] },
      { ...batchOf(2), changes: [{ ...messageAt(2), tx: null, transactional: false }] },
    ])
    await flush(sink)
    await close(sink)
    const [first, second] = await lake.rows(`messages/changes/${nameAt(1)}`)
    expect(first).toMatchObject({
      _op: 'message',
      _position: positionAt(1),
      transactional: true,
      prefix: 'app',
      content: new TextEncoder().encode('hello'),
    })
    expect(second).toMatchObject({ _position: positionAt(2), _commit_time: null, transactional: false })
  })

  test('begin anew at their size and with each description of the table', async () => {
    const wider: Table = { ...users, version: 'wider', columns: [...users.columns, { ...users.columns[1]!, name: 'city' }] } // it has four
    const { sink } = await lake.open({ rollSize: 300 })
    for (let at = 1; at <= 4; at++) await writeAll(sink, [insertAt(at)])
    await writeAll(sink, [schemaAt(5, wider, users), batchOf(5, insertOf(wider, [...userRow(5), 'here']))])
    await flush(sink)
    await close(sink)
    expect(await lake.files('public.users/changes')).toEqual([nameAt(1), nameAt(4), nameAt(5)])
    expect(Object.keys((await lake.rows(`public.users/changes/${nameAt(5)}`))[0] ?? {})).toContain('city')
    expect(await idsIn('public.users/changes')).toEqual([1n, 2n, 3n, 4n, 5n])
  })

  test('what a type cannot hold stops the sink, or is changed as the policy says and counted aloud', async () => {
    const dated: Table = { ...users, columns: [users.columns[0]!, { ...users.columns[1]!, name: 'day', type: { kind: 'date' } }] } // it has four
    const batch = batchOf(1, insertOf(dated, [1n, 'infinity']), insertOf(dated, [2n, '2026-11-20']))
    const failing = await lake.open()
    await writeAll(failing.sink, [batch])
    await expect(flush(failing.sink)).rejects.toMatchObject({ code: 'PARQUET_VALUE', kind: 'data' })
    await close(failing.sink)
    expect(await lake.files('public.users/changes')).toEqual([])
    const { sink } = await lake.open({ misfit: 'null' })
    await writeAll(sink, [batch])
    await flush(sink)
    await close(sink)
    expect((await lake.rows(`public.users/changes/${nameAt(1)}`)).map((row) => row.day)).toEqual([null, '2026-11-20'])
    expect(lake.warnings).toMatchObject([{ event: 'misfits', sink: 'lake', policy: 'null', values: { day: 1 } }])
  })

  test('a quiet table is not waited for longer than its age allows, without another call', async () => {
    const { sink } = await lake.open({ rollAfterMs: 20 })
    await writeAll(sink, [insertAt(1)])
    await vi.waitFor(() => expect(lake.durable.at(-1)).toBe(insertAt(1).end), { timeout: 20_000, interval: 5 })
    expect([sink.hasPending, await lake.files('public.users/changes')]).toEqual([false, [nameAt(1)]])
    await close(sink)
  })

  test('a table of which something waits holds the position back, whatever others have finished', async () => {
    const { sink } = await lake.open({ rollSize: 150 })
    await writeAll(sink, [batchOf(1), insertAt(2, others), insertAt(3), insertAt(4), insertAt(5)])
    await vi.waitFor(async () => expect(await lake.files('public.users/changes')).toHaveLength(1), { timeout: 20_000, interval: 5 })
    await close(sink)
    expect(lake.durable.at(-1)).toBe(positionAt(2))
    expect((await lake.open()).record?.position).toBe(positionAt(2))
  })
})

describe('going on', () => {
  test('changes in files that the record does not know of are passed over', async () => {
    const forgetful = { load: async () => null, save: async () => {} }
    const batches = [1, 2, 3].map((at) => insertAt(at))
    const first = await lake.open({ state: forgetful, rollSize: 1 })
    await writeAll(first.sink, batches.slice(0, 2))
    await flush(first.sink)
    await close(first.sink)
    // The record is of before the first: as where the process dies between the file and the saving.
    const record = { position: positionAt(1), carry: '', chunks: [] }
    const state = createMemorySinkState()
    const reading = (await lake.metadata(`public.users/changes/${nameAt(1)}`))['millrace.reading']
    await state.save({ ...record, data: { reading, tables: {}, generations: {} } })
    const again = await lake.open({ state, rollSize: 1 })
    expect(again.record).toEqual(record)
    await writeAll(again.sink, batches)
    await flush(again.sink)
    await close(again.sink)
    expect(await idsIn('public.users/changes')).toEqual([1n, 2n, 3n])
  })

  test('where the state store is lost the files say how far they are', async () => {
    const first = await lake.open()
    await writeAll(first.sink, [insertAt(1), insertAt(2, others)])
    await flush(first.sink)
    await writeAll(first.sink, [insertAt(3)])
    await flush(first.sink)
    await close(first.sink)
    const { sink, record } = await lake.open({ state: createMemorySinkState() })
    // The last file was finished when all before it was durable.
    expect(record).toEqual({ position: insertAt(2).end, carry: 'carry 2', chunks: [] })
    expect(await sink.furthest?.()).toBe(`${positionAt(3)}:000000000000`)
    await writeAll(sink, [insertAt(3), insertAt(4)])
    await flush(sink)
    await close(sink)
    expect([await idsIn('public.users/changes'), await idsIn('public.others/changes')]).toEqual([[1n, 3n, 4n], [2n]])
  })

  test.each([
    ['changes', [insertAt(1)]],
    ['a copy', [snapshotBeginAt(1, users, '1-a'), rowsAt(1, { table: users, chunk: 'public.users/1-a/0', rows: [userRow(1)] })]],
  ])('where all files were removed nothing is held, whatever the record says: %s', async (_, batches) => {
    const first = await lake.open()
    await writeAll(first.sink, batches)
    await flush(first.sink)
    await close(first.sink)
    expect((await lake.open()).record).not.toBeNull()
    rmSync(lake.root, { recursive: true })
    expect((await lake.open()).record).toBeNull()
  })

  test('a table that a later copy found empty is held, though nothing of it is there', async () => {
    const gate = createDeferred<void>()
    const slow = (path: string) => {
      const file = lake.store.create(path)
      return { ...file, heldBytes: 0, commit: (metadata: Record<string, string>) => gate.promise.then(() => file.commit(metadata)) }
    }
    const { sink } = await lake.open({ store: { ...lake.store, create: slow } })
    await writeAll(sink, [
      snapshotBeginAt(1, users, '1-a'),
      rowsAt(1, { table: users, chunk: 'public.users/1-a/0', rows: [userRow(1)] }),
      snapshotEndAt(1, users, '1-a'),
      snapshotBeginAt(2, users, '1-b', false),
    ])
    gate.resolve()
    await writeAll(sink, [snapshotEndAt(2, users, '1-b')])
    await flush(sink)
    await close(sink)
    expect(await lake.files('public.users/snapshot')).toEqual([])
    // A bucket has no empty folders.
    rmSync(`${lake.root}/public.users`, { recursive: true })
    expect((await lake.open()).record?.position).toBe(snapshotEndAt(2, users, '1-b').end)
  })

  test('a copy that lies aside is held, though its table has no folder yet', async () => {
    const first = await lake.open()
    const rows = rowsAt(1, { table: users, chunk: 'public.users/1-a/0', rows: [userRow(1)] })
    await writeAll(first.sink, [snapshotBeginAt(1, users, '1-a', false), rows])
    await flush(first.sink)
    await close(first.sink)
    expect((await lake.open()).record?.chunks).toEqual(['public.users/1-a/0'])
  })

  test('the second of two that go on from one checkpoint is told', async () => {
    const [one, other] = [await lake.open(), await lake.open({ state: createMemorySinkState() })]
    await writeAll(one.sink, [insertAt(1)])
    await writeAll(other.sink, [insertAt(1)])
    await flush(one.sink)
    await expect(flush(other.sink)).rejects.toMatchObject({ code: 'SINK_SECOND_WRITER', kind: 'operator' })
    expect(lake.failures).toMatchObject([{ code: 'SINK_SECOND_WRITER' }])
    await expect(writeAll(other.sink, [insertAt(2)])).rejects.toMatchObject({ code: 'SINK_SECOND_WRITER' })
    await Promise.all([close(one.sink), close(other.sink)])
    expect(await idsIn('public.users/changes')).toEqual([1n])
  })

  test('a folder of another pipeline is left alone, its neighbours are not', async () => {
    const first = await lake.open({ pipeline: 'other' })
    await writeAll(first.sink, [insertAt(1)])
    await flush(first.sink)
    await close(first.sink)
    const { sink, record } = await lake.open({ state: createMemorySinkState() })
    expect(record).toBeNull()
    await writeAll(sink, [insertAt(2, others)])
    await expect(writeAll(sink, [insertAt(3)])).rejects.toMatchObject({ code: 'SINK_OTHER_PIPELINE', fields: { found: 'other' } })
    await close(sink)
  })

  test('a log that begins before what is held is another log, and nothing of it is passed over in silence', async () => {
    const first = await lake.open()
    await writeAll(first.sink, [insertAt(5)])
    await flush(first.sink)
    await close(first.sink)
    const { sink } = await lake.open()
    await sink.beginAnew?.()
    await expect(writeAll(sink, [insertAt(3)])).rejects.toMatchObject({ code: 'SINK_OTHER_LOG' })
    await close(sink)
    const later = await lake.open()
    await later.sink.beginAnew?.()
    await writeAll(later.sink, [insertAt(6)])
    await flush(later.sink)
    await close(later.sink)
    expect(await idsIn('public.users/changes')).toEqual([5n, 6n])
  })

  test("a table's files appear in the order of the log, and nothing after one that failed", async () => {
    const store = createLocalStore({ sink: 'lake', root: lake.root, owner: 'shop.lake' })
    const gate = createDeferred<void>()
    const slow = {
      ...store,
      create(path: string) {
        const file = store.create(path)
        const commit = async (metadata: Record<string, string>) => {
          if (path.includes(nameAt(1))) await gate.promise
          return file.commit(metadata)
        }
        return { ...file, commit, heldBytes: 0 }
      },
    }
    const { sink } = await lake.open({ store: slow, rollSize: 1 })
    await writeAll(sink, [insertAt(1), insertAt(2), insertAt(3, others)])
    await vi.waitFor(async () => expect(await lake.files('public.others/changes')).toHaveLength(1), { timeout: 20_000, interval: 5 })
    expect(await lake.files('public.users/changes')).toEqual([])
    gate.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
    await expect(flush(sink)).rejects.toThrow('full')
    await close(sink)
    expect([await lake.files('public.users/changes'), lake.durable]).toEqual([[], []])
  })

  test('a place that cannot be written is refused before anything is given to it', async () => {
    const store = createLocalStore({ sink: 'lake', root: '/proc/lake', owner: 'shop.lake' })
    await expect(lake.open({ store })).rejects.toMatchObject({ code: 'SINK_NOT_WRITABLE', fields: { path: '/proc/lake' } })
  })

  test('a failure between calls is told, and again by the next call', async () => {
    let isFull = false
    const full = async (...args: Parameters<typeof fileSystem.link>) => {
      if (!isFull) return fileSystem.link(...args)
      throw Object.assign(new Error('full'), { code: 'ENOSPC', syscall: 'link' })
    }
    const store = createLocalStore({ sink: 'lake', root: lake.root, owner: 'shop.lake', fs: { ...fileSystem, link: full } })
    const { sink } = await lake.open({ store, rollAfterMs: 10 })
    isFull = true
    await writeAll(sink, [insertAt(1)])
    await vi.waitFor(() => expect(lake.failures).toMatchObject([{ code: 'SINK_DISK_FULL', kind: 'transient' }]), {
      timeout: 20_000,
      interval: 5,
    })
    await expect(writeAll(sink, [insertAt(2)])).rejects.toMatchObject({ code: 'SINK_DISK_FULL' })
    await close(sink)
    expect(lake.durable).toEqual([])
  })
})

test('a write that waits for room ends with the failure that keeps it from coming', async () => {
  const [reached, gate] = [createDeferred<void>(), createDeferred<never>()]
  const commit = () => (reached.resolve(), gate.promise)
  const store = { ...lake.store, create: (path: string) => ({ ...lake.store.create(path), heldBytes: 0, commit }) }
  const { sink } = await lake.open({ store, rollSize: 1 })
  const writing = writeAll(sink, [{ ...insertAt(1), bytes: 64 * 1024 * 1024 }])
  await reached.promise
  gate.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
  await expect(writing).rejects.toThrow('full')
  await close(sink)
  expect(lake.durable).toEqual([])
})

describe('files of snapshots', () => {
  const chunk = (generation: string, n: number) => `public.users/${generation}/${n}`
  const copy = (generation: string, at: number, ids: readonly number[], fresh: boolean) => [
    snapshotBeginAt(at, users, generation, fresh),
    ...ids.map((id, n) => rowsAt(at, { table: users, chunk: chunk(generation, n), rows: [userRow(id)] })),
  ]

  test('hold the table, one file a chunk, and say where they stand', async () => {
    const { sink } = await lake.open()
    await writeAll(sink, [
      ...copy('1-a', 3, [1, 2], true),
      rowsAt(4, { table: users, chunk: chunk('1-a', 2), rows: [] }),
      snapshotEndAt(4, users, '1-a'),
    ])
    await flush(sink)
    await close(sink)
    expect(await lake.files('public.users/snapshot')).toEqual(['1-a-000000.parquet', '1-a-000001.parquet'])
    expect(await lake.rows('public.users/snapshot/1-a-000001.parquet')).toEqual([
      { id: 2n, name: 'user 2', balance: '2.50', doc: '{"n": 2}' },
    ])
    expect(await lake.metadata('public.users/snapshot/1-a-000001.parquet')).toMatchObject({
      'millrace.kind': 'snapshot',
      'millrace.chunk': chunk('1-a', 1),
      'millrace.position': positionAt(3),
      'millrace.begin': positionAt(3),
    })
  })

  test('a later copy is seen only when it is whole, and then instead of the one before', async () => {
    const { sink } = await lake.open()
    await writeAll(sink, [...copy('1-a', 1, [1, 2], true), snapshotEndAt(1, users, '1-a'), ...copy('1-b', 2, [2, 3, 4], false)])
    await flush(sink)
    expect(await idsIn('public.users/snapshot')).toEqual([1n, 2n])
    await close(sink)
    // Gone on with in another life, its beginning stays what it was.
    const again = await lake.open()
    await writeAll(again.sink, [
      snapshotBeginAt(7, users, '1-b', false),
      rowsAt(8, { table: users, chunk: chunk('1-b', 3), rows: [userRow(5)] }),
      snapshotEndAt(8, users, '1-b'),
    ])
    await flush(again.sink)
    await close(again.sink)
    expect(await idsIn('public.users/snapshot')).toEqual([2n, 3n, 4n, 5n])
    expect(await lake.metadata('public.users/snapshot/1-b-000003.parquet')).toMatchObject({ 'millrace.begin': positionAt(2) })
    expect((await lake.open()).record?.chunks).toEqual([`public.users/1-a/end`, `public.users/1-b/end`])
  })

  test('a chunk whose file was finished and not recorded is read again and replaces it', async () => {
    const lost = { load: async () => null, save: async () => {} }
    const first = await lake.open({ state: lost })
    await writeAll(first.sink, copy('1-a', 1, [1, 2], true))
    await flush(first.sink)
    await close(first.sink)
    const { sink } = await lake.open()
    await writeAll(sink, [...copy('1-a', 2, [7, 8], true), snapshotEndAt(3, users, '1-a')])
    await flush(sink)
    await close(sink)
    expect(await idsIn('public.users/snapshot')).toEqual([7n, 8n])
  })

  test.each([true, false])(
    'a chunk of several files that was not recorded leaves none of them behind when it is read again in fewer (fresh: %s)',
    async (fresh) => {
      const seed = await lake.open()
      if (!fresh) await writeAll(seed.sink, [...copy('1-0', 0, [99], true), snapshotEndAt(0, users, '1-0')])
      await flush(seed.sink)
      await close(seed.sink)
      const part = (id: number, last: boolean) => rowsAt(1, { table: users, chunk: chunk('1-a', 0), rows: [userRow(id)], last })
      const first = await lake.open({ rollSize: 150 })
      await writeAll(first.sink, [snapshotBeginAt(1, users, '1-a', fresh), ...[1, 2, 3, 4].map((id) => part(id, false))])
      await flush(first.sink)
      await close(first.sink)
      const { sink } = await lake.open()
      await writeAll(sink, [snapshotBeginAt(2, users, '1-a', fresh), part(1, false), part(2, true), snapshotEndAt(2, users, '1-a')])
      await flush(sink)
      await close(sink)
      expect(await idsIn('public.users/snapshot')).toEqual([1n, 2n])
    },
  )

  test('a copy cut short in the middle of a chunk leaves nothing of the chunk', async () => {
    const { sink } = await lake.open()
    await writeAll(sink, [
      snapshotBeginAt(1, users, '1-a'),
      rowsAt(1, { table: users, chunk: chunk('1-a', 0), rows: [userRow(1)], last: false }),
    ])
    await writeAll(sink, [...copy('1-b', 2, [5], false), snapshotEndAt(2, users, '1-b')])
    await flush(sink)
    await close(sink)
    expect(await lake.files('public.users/snapshot')).toEqual(['1-b-000000.parquet'])
  })

  test('only where the sink itself writes is swept: an archive of the table may be in the making beside it', async () => {
    const swept: string[] = []
    const store = { ...lake.store, sweep: async (folder: string) => void swept.push(folder) }
    const { sink } = await lake.open({ store })
    await writeAll(sink, [insertAt(1), ...copy('1-a', 2, [1], true)])
    await flush(sink)
    await close(sink)
    expect(swept).toEqual(['public.users/changes', 'public.users/snapshot', '.millrace/shop.lake/aside/public.users'])
  })

  test('a table that is renamed in the middle of a later copy is replaced whole', async () => {
    const renamed: Table = { ...users, name: 'people', version: 'renamed' }
    const { sink } = await lake.open()
    await writeAll(sink, [...copy('1-a', 1, [1, 2], true), snapshotEndAt(1, users, '1-a'), ...copy('1-b', 2, [2], false)])
    await flush(sink)
    await close(sink)
    const again = await lake.open()
    await writeAll(again.sink, [
      schemaAt(3, renamed, users),
      snapshotBeginAt(3, renamed, '1-b', false),
      rowsAt(3, { table: renamed, chunk: 'public.people/1-b/1', rows: [userRow(3)] }),
      snapshotEndAt(3, renamed, '1-b'),
    ])
    await flush(again.sink)
    await close(again.sink)
    expect([await idsIn('public.users/snapshot'), await idsIn('public.people/snapshot')]).toEqual([[2n, 3n], []])
  })

  test('a large chunk in parts is several files', async () => {
    const { sink } = await lake.open({ rollSize: 150 })
    const part = (id: number, last: boolean) => rowsAt(1, { table: users, chunk: chunk('1-a', 0), rows: [userRow(id)], last })
    await writeAll(sink, [snapshotBeginAt(1, users, '1-a'), part(1, false), part(2, false), part(3, true), snapshotEndAt(1, users, '1-a')])
    await flush(sink)
    await close(sink)
    expect(await lake.files('public.users/snapshot')).toEqual(['1-a-000000.parquet', '1-a-000000_0001.parquet'])
    expect(await idsIn('public.users/snapshot')).toEqual([1n, 2n, 3n])
  })
})

test('hundreds of tables wait in memory together, and each ends in one file', async () => {
  const tables = Array.from({ length: 200 }, (_, at) => usersTable({ name: `t${at}`, id: at + 1 }))
  const { sink } = await lake.open()
  for (let at = 1; at <= 5; at++) await writeAll(sink, [batchOf(at, ...tables.map((table) => insertOf(table, userRow(at))))])
  await flush(sink)
  expect([sink.hasPending, lake.durable.at(-1)]).toEqual([false, batchOf(5).end])
  await close(sink)
  for (const { name } of tables) expect(await lake.files(`public.${name}/changes`)).toHaveLength(1)
  expect(await idsIn('public.t7/changes')).toEqual([1n, 2n, 3n, 4n, 5n])
})

test('where memory runs short the largest file is finished early, and nothing of it is lost', async () => {
  const { sink } = await lake.open()
  const large = (at: number) => ({ ...insertAt(at), bytes: 5 * 1024 * 1024 })
  for (let at = 1; at <= 20; at++) await writeAll(sink, [large(at)])
  await vi.waitFor(async () => expect(await lake.files('public.users/changes')).not.toEqual([]), { timeout: 20_000, interval: 5 })
  await flush(sink)
  await close(sink)
  expect(await idsIn('public.users/changes')).toEqual(Array.from({ length: 20 }, (_, at) => BigInt(at + 1)))
})
