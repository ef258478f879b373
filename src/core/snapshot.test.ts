import { describe, expect, test } from 'vitest'
import { chunkRows } from '../../test/model/chunk-rows.ts'
import { createMemoryState } from '../../test/model/memory-state.ts'
import { until } from '../../test/servers.ts'
import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Chunk, ChunkRead, SnapshotReader, SourceControl } from '../contracts/source.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { openSnapshots, type Snapshots, type SnapshotsOptions } from './snapshot.ts'

const column = (name: string, id: number) => ({
  name,
  id,
  type: { kind: 'int32' as const },
  sourceType: 'integer',
  typeOid: 23,
  typeModifier: -1,
  nullable: true,
})
const T: Table = {
  schema: 'public',
  name: 't',
  id: 1,
  version: 'v1',
  identity: 'key',
  key: [0],
  columns: [column('id', 1), column('v', 2)],
}
const LOG: Table = { ...T, name: 'log', id: 2, key: [] }
const place = { log: '', carry: '', audience: null }
const at = (number: number) => number.toString(16).toUpperCase().padStart(16, '0')

/** Two chunks of one row each, of one leaf. A test replaces what it looks at. */
function reader(rest: Partial<SnapshotReader> = {}): SnapshotReader {
  const chunk = (table: Table, n: number): Chunk => ({ id: `${n}`, table, leaf: 'leaf', predicate: { n }, rowEstimate: 1 })
  return {
    running: async () => [],
    visibility: async () => ({ sees: () => true }),
    holders: async (xids) => xids.map((xid) => ({ xid, pid: 7, ageMs: 1, state: 'active' })),
    plan: async (table) => (table.key.length === 0 ? [chunk(table, 0)] : [chunk(table, 0), chunk(table, 1)]),
    keyChunk: (table, keys, id) => ({ id, table, leaf: 'leaf', predicate: { keys }, rowEstimate: keys.length }),
    async read({ predicate }, onVisibility): Promise<ChunkRead | null> {
      onVisibility({ sees: () => true })
      const { n, keys } = predicate as { n?: number; keys?: Row[] }
      return { rows: chunkRows(T, keys ? keys.map((key) => [key[0]!, 9]) : [[n!, 1]]), high: at(0) }
    },
    async *readWhole(_chunk, onVisibility) {
      onVisibility({ sees: () => true })
      yield chunkRows(LOG, [[1, 1]])
      yield chunkRows(LOG, [[2, 1]])
    },
    ...rest,
  }
}

type Open = Snapshots & {
  out: Batch[]
  progress: Parameters<NonNullable<SnapshotsOptions['onProgress']>>[0][]
  feed(batch: ChangesBatch | SourceControl): void
  failure: () => unknown
}

async function open(options: Partial<SnapshotsOptions> & { reader?: SnapshotReader } = {}): Promise<Open> {
  const progress: Open['progress'] = []
  const snapshots = await openSnapshots({
    source: { snapshots: options.reader ?? reader(), nudge() {}, head: async () => at(0) },
    state: createMemoryState(),
    sinks: [{ name: 'one', record: null }],
    running: [],
    mode: 'incremental',
    chunkBytes: 1000,
    parallel: 2,
    onProgress: (event) => progress.push(event),
    ...options,
  })
  const out: Batch[] = []
  const fed: (ChangesBatch | SourceControl)[] = []
  const stop = new AbortController()
  let wake = () => {}
  async function* stream() {
    while (!stop.signal.aborted) {
      for (let next = fed.shift(); next; next = fed.shift()) yield next
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  let failure: unknown = null
  const consuming = (async () => {
    for await (const batch of snapshots.merge(stream(), at(0), stop.signal)) out.push(batch)
  })().catch((error: unknown) => (failure = error))
  return {
    ...snapshots,
    out,
    progress,
    failure: () => failure,
    feed(batch) {
      fed.push(batch)
      wake()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      wake()
      await consuming
      await snapshots[Symbol.asyncDispose]()
    },
  }
}

const story = (out: readonly Batch[]) =>
  out.map((batch) => {
    const whom = batch.audience === null ? '' : ` for ${batch.audience.join()}`
    if (batch.kind === 'control') return batch.event + whom
    if (batch.kind === 'rows') return `rows ${batch.rows().map((row) => String(row[0]))}${whom}`
    return `changes ${batch.changes.map((change) => change.op)}`
  })
const changes = (end: number, ...list: ChangesBatch['changes']): ChangesBatch => ({
  ...place,
  kind: 'changes',
  end: at(end),
  changes: list,
  bytes: 1,
  betweenTransactions: true,
})
const chunksOf = (out: readonly Batch[]) => out.flatMap((batch) => ('chunk' in batch ? [batch.chunk] : []))

describe('a copy', () => {
  test('begins, hands out its chunks and ends', async () => {
    await using snapshots = await open()
    await snapshots.add([T])
    expect(snapshots.isCopying()).toBe(true)
    await snapshots.idle()
    expect(snapshots.isCopying()).toBe(false)
    expect(story(snapshots.out)).toEqual(['snapshot-begin', 'schema', 'rows 0', 'rows 1', 'snapshot-end'])
    expect(snapshots.progress.map(({ event }) => event)).toEqual(['planned', 'chunk', 'chunk', 'done'])
  })

  test('copies nothing where nothing is to be copied', async () => {
    await using snapshots = await open({ mode: 'none' })
    await snapshots.add([T])
    await snapshots.idle()
    expect(snapshots.out).toEqual([])
  })

  test('goes on after a restart with the chunks that are not durable', async () => {
    const state = createMemoryState()
    const first = await open({ state })
    await first.add([T])
    await first.idle()
    await first[Symbol.asyncDispose]()
    const [done] = chunksOf(first.out)
    const sinks = [{ name: 'one', record: { position: at(0), carry: '', chunks: [done!] } }]
    await using second = await open({ state, sinks, running: null })
    await second.add([T])
    await second.idle()
    expect(story(second.out)).toEqual(['snapshot-begin', 'schema', 'rows 1', 'snapshot-end'])
    expect(chunksOf(second.out)).toEqual(chunksOf(first.out).slice(1))
  })

  test('gives a sink that joined later a generation of its own', async () => {
    const state = createMemoryState()
    const first = await open({ state })
    await first.add([T])
    await first.idle()
    await first[Symbol.asyncDispose]()
    const record = { position: at(0), carry: '', chunks: [chunksOf(first.out).at(-1)!] }
    await using second = await open({
      state,
      running: null,
      sinks: [
        { name: 'one', record },
        { name: 'two', record: null },
      ],
    })
    await second.add([T])
    await second.idle()
    expect(story(second.out)).toEqual(['snapshot-begin for two', 'schema', 'rows 0 for two', 'rows 1 for two', 'snapshot-end for two'])
  })

  test('waits until what was running is visible, and says who holds it up', async () => {
    let isVisible = false
    const waiting = reader({ running: async () => [5], visibility: async () => ({ sees: () => isVisible }) })
    await using snapshots = await open({ reader: waiting, running: null })
    await snapshots.add([T])
    await until(() => snapshots.progress.some(({ event }) => event === 'waiting'))
    expect(story(snapshots.out)).toEqual(['snapshot-begin'])
    expect(snapshots.progress.find((each) => each.event === 'waiting')).toMatchObject({ holders: [{ xid: 5, pid: 7 }] })
    isVisible = true
    await snapshots.idle()
    expect(story(snapshots.out)).toContain('snapshot-end')
  })

  test('waits again after a restart before the first chunk, but not once one is durable', async () => {
    const state = createMemoryState()
    let asked = 0
    const counting = reader({ running: async () => (asked++, []) })
    for (const chunks of [[], []]) {
      const sinks = [{ name: 'one', record: { position: at(0), carry: '', chunks } }]
      await using snapshots = await open({ state, reader: counting, running: null, sinks })
      await snapshots.add([T])
      await snapshots.idle()
    }
    expect(asked).toBe(2)
  })

  test('plans a leaf anew when its storage changed, without using a chunk name again', async () => {
    let moved = true
    const real = reader()
    const read: SnapshotReader['read'] = (chunk, ...rest) => (moved ? ((moved = false), Promise.resolve(null)) : real.read(chunk, ...rest))
    await using snapshots = await open({ reader: reader({ read }), parallel: 1 })
    await snapshots.add([T])
    await snapshots.idle()
    const ids = chunksOf(snapshots.out)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.map((id) => id.split('/').at(-1))).toEqual(expect.arrayContaining(['2', '3', 'end']))
  })

  test('reads a chunk again after a transient error, and gives up after another', async () => {
    let failures = 2
    const real = reader()
    const read: SnapshotReader['read'] = (...args) =>
      failures-- > 0 ? Promise.reject(new MillraceError('SOURCE_LOST', { reason: 'test' })) : real.read(...args)
    await using snapshots = await open({ reader: reader({ read }) })
    await snapshots.add([T])
    await snapshots.idle()
    await using failing = await open({ reader: reader({ read: () => Promise.reject(new MillraceError('BUG', { reason: 'test' })) }) })
    await failing.add([T])
    await expect(failing.idle()).rejects.toThrow('test')
    await until(() => failing.failure() !== null)
    expect(failing.failure()).toMatchObject({ code: 'BUG' })
  })
})

describe('incomplete keys', () => {
  const tx = { xid: 5, position: at(10), commitTimeUs: 0 }
  const hole = { op: 'update' as const, table: T, before: null, oldKey: null, after: [4, UNCHANGED] as Row, ordinal: 0, tx }

  test('are read again before the end', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const real = reader()
    const read: SnapshotReader['read'] = async (chunk, ...rest) => {
      if ((chunk.predicate as { n?: number }).n === 1) await held
      return real.read(chunk, ...rest)
    }
    await using snapshots = await open({ reader: reader({ read }) })
    await snapshots.add([T])
    await until(() => story(snapshots.out).includes('rows 0'))
    snapshots.feed(changes(20, hole))
    await until(() => story(snapshots.out).includes('changes update'))
    release()
    await snapshots.idle()
    expect(story(snapshots.out).slice(-3)).toEqual(['rows 1', 'rows 4', 'snapshot-end'])
  })

  test('survive a restart, also where every chunk is durable', async () => {
    const state = createMemoryState()
    const first = await open({ state })
    await first.add([T])
    await first.idle()
    await first.reread(T, null)
    first.feed(changes(20, hole))
    await until(() => first.out.some((batch) => batch.kind === 'changes'))
    const carry = first.out.find((batch) => batch.kind === 'changes')!.carry
    await first.idle()
    await first[Symbol.asyncDispose]()
    const ids = chunksOf(first.out)
    const record = { position: at(20), carry, chunks: ids.filter((id) => !id.endsWith('/end')) }
    await using second = await open({ state, running: null, sinks: [{ name: 'one', record }] })
    await second.add([T])
    await second.idle()
    expect(story(second.out)).toEqual(['snapshot-begin', 'schema', 'rows 4', 'snapshot-end'])
  })

  test('are read under the name that the table has now, though no change tells of it', async () => {
    const renamed = { ...T, name: 'u', version: 'v2' }
    const of = reader()
    const read: SnapshotReader['read'] = async (chunk, ...rest) =>
      'keys' in (chunk.predicate as object) && chunk.table.name === 't' ? null : of.read(chunk, ...rest)
    const plan: SnapshotReader['plan'] = async (_, options) => of.plan(planned++ === 0 ? T : renamed, options)
    let planned = 0
    await using snapshots = await open({ reader: reader({ read, plan }) })
    await snapshots.add([T])
    snapshots.feed(changes(20, hole))
    await snapshots.idle()
    expect(story(snapshots.out)).toContain('rows 4')
  })

  test('of an insert are read again while nothing is copied', async () => {
    await using snapshots = await open({ mode: 'none' })
    const text: Table = { ...T, columns: [column('id', 1), { ...column('v', 2), type: { kind: 'text', name: 'text' } }] }
    snapshots.feed(changes(20, { op: 'insert', table: text, before: null, oldKey: null, after: [4, UNCHANGED], ordinal: 0, tx }))
    await until(() => story(snapshots.out).includes('rows 4'))
  })
})

describe('a table read again', () => {
  test('is a new generation, that is not fresh, also in the middle of the last', async () => {
    await using snapshots = await open()
    await snapshots.add([T])
    await snapshots.reread(T, null)
    await snapshots.idle()
    const controls = snapshots.out.flatMap((batch) => (batch.kind === 'control' && batch.event === 'snapshot-begin' ? [batch] : []))
    expect(controls.map(({ fresh }) => fresh)).toEqual([true, false])
    expect(story(snapshots.out).at(-1)).toBe('snapshot-end')
  })

  /** Chunks show the table as it is now, and their high mark lies behind what the test feeds. */
  const changing = () => {
    const now = { table: T }
    const read: SnapshotReader['read'] = async (_chunk, onVisibility) => {
      onVisibility({ sees: () => true })
      return { rows: chunkRows(now.table, [[1, 1]]), high: now.table === T ? at(0) : at(6) }
    }
    return { now, reader: reader({ read }) }
  }

  test('because the stream says so is written down before the sinks can pass that point', async () => {
    const state = createMemoryState()
    const { now, reader: of } = changing()
    await using snapshots = await open({ state, reader: of })
    await snapshots.add([T])
    await snapshots.idle()
    const before = state.facts.get('plans/public.t')
    const { length } = snapshots.out
    now.table = { ...T, version: 'v2' }
    snapshots.feed({ ...place, kind: 'control', event: 'schema', table: now.table, previous: T, end: at(5), reread: true })
    await until(() => snapshots.out.length > length)
    expect(state.facts.get('plans/public.t')).not.toBe(before)
    snapshots.feed(changes(7))
    await snapshots.idle()
    expect(story(snapshots.out.slice(length))).toEqual(expect.arrayContaining(['snapshot-begin', 'schema', 'rows 1', 'snapshot-end']))
  })

  test('waits until what was running is visible: the source may not have sent it before', async () => {
    let isVisible = true
    const waiting = reader({ running: async () => [5], visibility: async () => ({ sees: () => isVisible }) })
    await using snapshots = await open({ reader: waiting, running: null })
    await snapshots.add([T])
    await snapshots.idle()
    isVisible = false
    const { length } = snapshots.out
    await snapshots.reread(T, null)
    await until(() => snapshots.progress.some(({ event }) => event === 'waiting'))
    expect(story(snapshots.out.slice(length))).toEqual(['snapshot-begin'])
    isVisible = true
    await snapshots.idle()
    expect(story(snapshots.out)).toContain('snapshot-end')
  })

  test('because its key changed, without being asked', async () => {
    const { now, reader: of } = changing()
    await using snapshots = await open({ reader: of })
    await snapshots.add([T])
    await snapshots.idle()
    const { length } = snapshots.out
    now.table = { ...T, version: 'v2', key: [1] }
    snapshots.feed({ ...place, kind: 'control', event: 'schema', table: now.table, previous: T, end: at(5) })
    await until(() => snapshots.out.length > length)
    snapshots.feed(changes(7))
    await snapshots.idle()
    const told = snapshots.out.slice(length)
    expect(story(told)).toEqual(expect.arrayContaining(['snapshot-begin', 'rows 1', 'snapshot-end']))
    // Told first, so that what a sink keeps of the generation is by the new key from its begin on.
    expect(story(told).indexOf('schema')).toBeLessThan(story(told).indexOf('snapshot-begin'))
    const begun = told.flatMap((batch) => (batch.kind === 'control' && batch.event === 'snapshot-begin' ? [batch] : []))
    expect(new Set(begun.map(({ fresh, table }) => `${fresh} ${table.key}`))).toEqual(new Set(['false 1']))
  })
})

describe('a table without a key', () => {
  test('is handed out in pieces, of which the last says so', async () => {
    await using snapshots = await open()
    await snapshots.add([LOG])
    await snapshots.idle()
    expect(story(snapshots.out)).toEqual(['snapshot-begin', 'schema', 'rows 1', 'rows 2', 'snapshot-end'])
    expect(snapshots.out.flatMap((batch) => (batch.kind === 'rows' ? [batch.last] : []))).toEqual([false, true])
  })

  test('begins anew as another generation where its reading failed half-way', async () => {
    let isFirst = true
    const real = reader()
    async function* readWhole(...args: Parameters<SnapshotReader['readWhole']>) {
      for await (const rows of real.readWhole(...args)) {
        yield rows
        if (isFirst && rows.rows()[0]?.[0] === 2) {
          isFirst = false
          throw new MillraceError('SOURCE_LOST', { reason: 'test' })
        }
      }
    }
    await using snapshots = await open({ reader: reader({ readWhole }) })
    await snapshots.add([LOG])
    await snapshots.idle()
    expect(story(snapshots.out)).toEqual(['snapshot-begin', 'schema', 'rows 1', 'snapshot-begin', 'rows 1', 'rows 2', 'snapshot-end'])
    const generations = snapshots.out.flatMap((batch) => ('generation' in batch ? [batch.generation] : []))
    expect(new Set(generations).size).toBe(2)
    expect(generations.at(-1)).toBe(generations.at(-2))
  })
})

test('a table that left is no longer copied, and waits of others go on', async () => {
  const never = new Promise<never>(() => {})
  await using snapshots = await open({ reader: reader({ read: () => never }) })
  await snapshots.add([T])
  const idle = snapshots.idle()
  await snapshots.remove([T])
  await idle
  expect(snapshots.isCopying()).toBe(false)
})

test('is disposed at once in the middle of everything', async () => {
  const never = new Promise<never>(() => {})
  for (const stuck of [
    { read: () => never },
    { plan: () => never },
    { visibility: () => never },
    { visibility: async () => ({ sees: () => false }) },
  ]) {
    const snapshots = await open({ reader: reader(stuck), running: [5] })
    await snapshots.add([T, LOG])
    await new Promise((resolve) => setImmediate(resolve))
    await snapshots[Symbol.asyncDispose]()
  }
})

describe('what was missed', () => {
  const text: Table = { ...T, columns: [column('id', 1), { ...column('v', 2), type: { kind: 'text', name: 'text' } }] }
  const tx = { xid: 9, position: at(19), commitTimeUs: 0 }
  const ended = (out: readonly Batch[]) => [{ name: 'one', record: { position: at(20), carry: '', chunks: [chunksOf(out).at(-1)!] } }]

  test('while a table was away: it is copied anew when it comes back', async () => {
    await using snapshots = await open()
    await snapshots.add([T])
    await snapshots.idle()
    await snapshots.remove([T])
    const { length } = snapshots.out
    await snapshots.add([T])
    await snapshots.idle()
    expect(story(snapshots.out.slice(length))).toEqual(['snapshot-begin', 'rows 0', 'rows 1', 'snapshot-end'])
  })

  test('while a table was away for a whole run, also one that copies nothing, and for a sink that was away with it', async () => {
    const state = createMemoryState()
    const first = await open({ state })
    await first.add([T])
    await first.idle()
    await first[Symbol.asyncDispose]()
    const second = await open({ state, running: null, mode: 'none', sinks: [{ name: 'two', record: null }] })
    await second.leaveAllBut([LOG])
    await second[Symbol.asyncDispose]()
    let { out } = first
    for (const expected of [['snapshot-begin', 'schema', 'rows 0', 'rows 1', 'snapshot-end'], []]) {
      await using run = await open({ state, running: null, sinks: ended(out) })
      await run.leaveAllBut([T])
      await run.add([T])
      await run.idle()
      expect(story(run.out)).toEqual(expected)
      out = run.out
    }
  })

  test('while the stream went on without the copy: a copy begun is not resumed', async () => {
    const state = createMemoryState()
    const first = await open({ state })
    await first.add([T])
    await first.idle()
    await first[Symbol.asyncDispose]()
    const sinks = [{ name: 'one', record: { position: at(0), carry: '', chunks: [chunksOf(first.out)[0]!] } }]
    const second = await open({ state, sinks, running: null, mode: 'none' })
    await second.add([T])
    await second[Symbol.asyncDispose]()
    await using third = await open({ state, sinks, running: null })
    await third.add([T])
    await third.idle()
    expect(story(third.out)).toEqual(['snapshot-begin', 'schema', 'rows 0', 'rows 1', 'snapshot-end'])
    expect(third.out[0]).toMatchObject({ fresh: false })
  })

  test.each(['incremental', 'none'] as const)(
    'by a sink that holds a table with holes: filled also while another copies it (%s)',
    async (mode) => {
      const state = createMemoryState()
      const first = await open({ state })
      await first.add([T])
      await first.idle()
      const end = ended(first.out)[0]!
      first.feed(changes(20, { op: 'insert', table: text, before: null, oldKey: null, after: [4, UNCHANGED], ordinal: 0, tx }))
      await until(() => first.out.some((batch) => batch.kind === 'changes'))
      const { carry } = first.out.find((batch) => batch.kind === 'changes')!
      await first[Symbol.asyncDispose]()
      const sinks = [
        { name: 'one', record: { ...end.record, carry } },
        { name: 'two', record: null },
      ]
      await using second = await open({ state, running: null, sinks, mode })
      await second.add([T])
      await second.idle()
      expect(story(second.out)).toContain('rows 4')
    },
  )
})
