import { expect, test, vi } from 'vitest'
import type { Batch } from '../contracts/batch.ts'
import type { Position, ChunkId } from '../contracts/position.ts'
import type { Table } from '../contracts/table.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import { Lane, type LaneOptions } from './lane.ts'

/** A sink that holds what it is given until it is told to make it durable, and reports it. */
function createLaterSink() {
  const given: Position[] = []
  let pending = 0
  let flushes = 0
  const sink = {
    get hasPending() {
      return pending < given.length
    },
    given,
    flushes: () => flushes,
    /** The first so many of what was given. */
    settle: (count: number) => void (pending = count),
    resume: async () => null,
    write: async (batch: Batch) => (given.push(batch.end), 'accepted' as const),
    flush: async () => {
      flushes++
      pending = given.length
    },
    [Symbol.asyncDispose]: async () => {},
  }
  return sink
}

const table: Table = { schema: 's', name: 't', id: 1, version: '1', columns: [], key: [], identity: 'key' }
const placed = { log: '', carry: 'c', audience: null }

function changes(end: Position, count = 1): Batch {
  const tx = { position: end, xid: 1, commitTimeUs: 0 }
  const list = Array.from({ length: count }, (_, ordinal) => ({
    op: 'insert' as const,
    table,
    before: null,
    oldKey: null,
    after: [],
    ordinal,
    tx,
  }))
  return { ...placed, kind: 'changes', changes: list, end, bytes: 100, betweenTransactions: true }
}
const awaited = (end: Position, count = 0): Batch => ({ ...changes(end, count), awaited: true }) as Batch
function rows(chunk: ChunkId, end: Position, last: boolean): Batch {
  return {
    ...placed,
    kind: 'rows',
    table,
    chunk,
    last,
    rowCount: 0,
    bytes: 100,
    end,
    rows: () => [],
    columns: () => ({ rowCount: 0, vectors: [] }),
  }
}

function open(store: MemoryStore, options: Partial<LaneOptions> = {}) {
  const moves: (Position | null)[] = []
  const failures: unknown[] = []
  const lane: Lane = new Lane({
    name: 'a',
    sink: createMemorySink(store),
    record: null,
    from: '0',
    held: null,
    keepsRecord: true,
    boundBytes: 1000,
    maxWaitMs: 1e9,
    clock: { now: () => 0, sleep: async () => {} },
    signal: new AbortController().signal,
    onMoved: () => void moves.push(lane.durable),
    onFailed: (error) => void failures.push(error),
    ...options,
  })
  return { lane, moves, failures }
}
/** Time that passes only where somebody waits for it. */
function waitedClock() {
  let now = 0
  return { now: () => now, sleep: async (ms: number) => void (now += ms) }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))
const idle = (lane: Lane) => vi.waitFor(() => expect(lane.queuedBytes).toBe(0), { interval: 1 })

test('flushes as soon as nothing waits, once for all that was written meanwhile', async () => {
  const store = createMemoryStore()
  const { lane, moves } = open(store)
  for (const end of ['1', '2', '3']) lane.push(changes(end))
  await lane.drain()
  expect(store.flushes).toBe(1)
  expect(moves).toEqual(['3'])
})

test('joins the changes that wait, in order and up to the bytes that a sink asks for, and nothing across a chunk', async () => {
  const store = createMemoryStore()
  const given: Batch[] = []
  const sink = createMemorySink(store)
  const write = sink.write.bind(sink)
  const asking = Object.assign(sink, {
    batchBytes: 250,
    write: (batch: Batch, signal: AbortSignal) => (given.push(batch), write(batch, signal)),
  })
  const { lane, failures } = open(store, { sink: asking })
  for (const batch of [changes('1', 2), changes('2'), changes('3'), changes('4'), rows('k', '4', true), changes('5'), changes('6')])
    lane.push(batch)
  await lane.drain()
  expect(failures).toEqual([])
  expect(given.map(({ kind, end }) => `${kind} ${end}`)).toEqual(['changes 3', 'changes 4', 'rows 4', 'changes 6'])
  const joined = given.flatMap((batch) => (batch.kind === 'changes' ? batch.changes : []))
  expect(joined.map(({ tx, ordinal }) => `${tx?.position}/${ordinal}`)).toEqual(['1/0', '1/1', '2/0', '3/0', '4/0', '5/0', '6/0'])
  expect(lane.queuedBytes).toBe(0)
  expect(lane.durable).toBe('6')
})

test('a sink that asks for much is given what gathers meanwhile; the first after a pause, enough of it, a copy and a drain wait for nothing', async () => {
  const store = createMemoryStore({ answer: 'durable' })
  const sink = Object.assign(createMemorySink(store), { batchBytes: 1000 })
  let now = 0
  let endGap = () => {}
  const clock = { now: () => now, sleep: () => new Promise<void>((resolve) => (endGap = resolve)) }
  const { lane } = open(store, { clock, sink })
  const given = () => store.writes.map(({ end }) => end)
  lane.push(changes('1'))
  await vi.waitFor(() => expect(given()).toEqual(['1']), { interval: 1 })
  lane.push(changes('2'))
  await turn()
  lane.push(changes('3'))
  await turn()
  expect(given()).toEqual(['1'])
  now = 200
  endGap()
  await vi.waitFor(() => expect(given()).toEqual(['1', '3']), { interval: 1 })
  lane.push({ ...changes('4'), bytes: 2000 } as Batch)
  await vi.waitFor(() => expect(given()).toEqual(['1', '3', '4']), { interval: 1 })
  lane.push(changes('5'))
  await turn()
  lane.push(rows('k', '5', true))
  await vi.waitFor(() => expect(given()).toEqual(['1', '3', '4', '5', '5']), { interval: 1 })
  lane.push(changes('6'))
  await turn()
  expect(lane.durable).toBe('5')
  await lane.drain()
  expect([lane.durable, given().at(-1)]).toEqual(['6', '6'])
  endGap()
})

test('a sink that gathers for no time is given what waits at once, joined', async () => {
  const store = createMemoryStore({ answer: 'durable' })
  const { lane } = open(store, { sink: Object.assign(createMemorySink(store), { batchBytes: 1000, gatherMs: 0 }) })
  lane.push(changes('1'))
  await vi.waitFor(() => expect(lane.durable).toBe('1'), { interval: 1 })
  lane.push(changes('2'))
  lane.push(changes('3'))
  await vi.waitFor(() => expect(lane.durable).toBe('3'), { interval: 1 })
  expect(store.writes.map(({ end }) => end)).toEqual(['1', '3'])
  await lane.drain()
})

test('what a sink calls durable speaks for what it accepted before: it is not flushed for that', async () => {
  const store = createMemoryStore()
  const sink = createMemorySink(store)
  const write = async (batch: Batch, signal: AbortSignal) => {
    store.answer = batch.kind === 'changes' ? 'durable' : 'accepted'
    return sink.write(batch, signal)
  }
  const { lane } = open(store, { sink: { ...sink, write } })
  lane.push(rows('s.t/1/0', '1', true))
  lane.push(changes('2'))
  await lane.drain()
  expect([store.flushes, lane.durable]).toEqual([0, '2'])
})

test('a second flush waits for its gap while the first after a pause does not, and a drain waits for none', async () => {
  const store = createMemoryStore()
  let endGap = () => {}
  const clock = { now: () => 0, sleep: () => new Promise<void>((resolve) => (endGap = resolve)) }
  const { lane } = open(store, { clock })
  lane.push(changes('1'))
  await vi.waitFor(() => expect(lane.durable).toBe('1'), { interval: 1 })
  lane.push(changes('2'))
  await idle(lane)
  await turn()
  expect(lane.durable).toBe('1')
  await lane.drain()
  expect([lane.durable, store.flushes]).toEqual(['2', 2])
  endGap()
})

test('under load it flushes every maxWait', async () => {
  const store = createMemoryStore()
  let now = 0
  const { lane } = open(store, { clock: { now: () => (now += 10), sleep: async () => {} }, maxWaitMs: 20 })
  for (let end = 100; end < 110; end++) lane.push(changes(String(end)))
  await lane.drain()
  expect(store.flushes).toBeGreaterThan(3)
})

test('a sink that answers durable is not flushed', async () => {
  const store = createMemoryStore({ answer: 'durable' })
  const { lane } = open(store)
  lane.push(changes('1'))
  await lane.drain()
  expect([store.flushes, lane.durable]).toEqual([0, '1'])
})

test('nothing is durable before the flush', async () => {
  const store = createMemoryStore()
  const { lane } = open(store)
  store.hold()
  lane.push(changes('2'))
  await turn()
  expect(lane.durable).toBeNull()
  store.release()
  await lane.drain()
  expect(lane.durable).toBe('2')
})

test('gathers the checkpoint of a sink that keeps none, until it is taken to be saved', async () => {
  const { lane } = open(createMemoryStore({ keepsRecord: false, answer: 'durable' }), { keepsRecord: false })
  lane.push(rows('s.t/1/0', '1', true))
  await vi.waitFor(() => expect(lane.durable).toBe('1'), { interval: 1 })
  lane.push(rows('s.t/1/1', '2', true))
  await lane.drain()
  expect(lane.takeUnsaved()).toEqual({ position: '2', carry: 'c', chunks: ['s.t/1/0', 's.t/1/1'] })
  expect([lane.takeUnsaved(), lane.hasUnsaved]).toEqual([null, false])
})

test('does not flush, and so sets no checkpoint, while a chunk is delivered in part: not even at the end', async () => {
  const store = createMemoryStore()
  const { lane } = open(store, { maxWaitMs: 0 })
  lane.push(rows('s.t/1/0', '1', false))
  lane.push(changes('2'))
  lane.push(changes('3', 0))
  await idle(lane)
  expect(store.flushes).toBe(0)
  lane.push(rows('s.t/1/0', '3', true))
  await vi.waitFor(() => expect(lane.durable).toBe('3'), { interval: 1 })
  lane.push(rows('s.t/2/0', '4', false))
  await lane.drain()
  expect([store.record?.position, lane.durable]).toEqual(['3', '3'])
})

test('where a format wants transactions whole, no checkpoint lies inside one: not at maxWait and not at the end, and its end may be empty', async () => {
  const store = createMemoryStore()
  const { lane } = open(store, { maxWaitMs: 0, wholeTransactions: true })
  const inside = (end: Position): Batch => ({ ...changes(end), betweenTransactions: false }) as Batch
  lane.push(changes('1'))
  await vi.waitFor(() => expect(lane.durable).toBe('1'), { interval: 1 })
  lane.push(inside('2'))
  lane.push(inside('3'))
  await idle(lane)
  expect([store.flushes, lane.durable]).toEqual([1, '1'])
  lane.push(changes('4', 0))
  await vi.waitFor(() => expect(lane.durable).toBe('4'), { interval: 1 })
  expect(store.writes.map(({ end }) => end)).toEqual(['1', '2', '3', '4'])
  lane.push(inside('5'))
  await lane.drain()
  expect([store.record?.position, lane.durable]).toEqual(['4', '4'])
})

test('an idle log costs the sink a write now and then; the position passes at once, and the end writes the last', async () => {
  const store = createMemoryStore()
  let now = 0
  const { lane } = open(store, { clock: { now: () => now, sleep: async () => {} } })
  lane.push(changes('1', 0))
  await vi.waitFor(() => expect(lane.durable).toBe('1'), { interval: 1 })
  for (const end of ['2', '3']) lane.push(changes(end, 0))
  await idle(lane)
  expect([lane.passed, lane.durable, lane.held, store.writes.length]).toEqual(['3', '1', null, 1])
  now = 10_000
  lane.push(changes('4', 0))
  await vi.waitFor(() => expect(lane.durable).toBe('4'), { interval: 1 })
  lane.push(changes('5', 0))
  await lane.drain()
  expect([lane.durable, store.record?.position]).toEqual(['5', '5'])
})

test('where the source waits for an empty batch, it is made durable at once, also behind a change that is not', async () => {
  const store = createMemoryStore()
  const { lane } = open(store, { clock: waitedClock() })
  lane.push(changes('1', 0))
  await vi.waitFor(() => expect(lane.durable).toBe('1'), { interval: 1 })
  lane.push(changes('2', 0))
  lane.push(awaited('2'))
  await vi.waitFor(() => expect(lane.durable).toBe('2'), { interval: 1 })
  lane.push(changes('3'))
  lane.push(awaited('4'))
  await vi.waitFor(() => expect(lane.durable).toBe('4'), { interval: 1 })
  expect([store.record?.position, lane.held]).toEqual(['4', '3'])
})

test('a position that the source waits for is not durable before a chunk in part is', async () => {
  const { lane } = open(createMemoryStore(), { clock: waitedClock() })
  lane.push(rows('k', '1', false))
  lane.push(awaited('2'))
  await idle(lane)
  await turn()
  expect(lane.durable).toBeNull()
  lane.push(rows('k', '2', true))
  await vi.waitFor(() => expect(lane.durable).toBe('2'), { interval: 1 })
})

test('has room below its bound only, and gives it back as batches are written', async () => {
  const store = createMemoryStore()
  const { lane } = open(store, { boundBytes: 500 })
  store.hold()
  lane.push(changes('1'))
  expect(lane.room()).toBeNull()
  lane.push(changes('2'))
  const room = lane.room()
  expect(room).not.toBeNull()
  store.release()
  await room
  expect(lane.room()).toBeNull()
})

test('after a failure it writes nothing more, holds nobody up and says so once', async () => {
  const store = createMemoryStore()
  const failure = new Error('full')
  store.reject('write', failure)
  const { lane, failures } = open(store, { boundBytes: 1 })
  lane.push(changes('1'))
  await lane.room()
  lane.push(changes('2'))
  await lane.drain()
  expect([failures, store.writes, lane.durable, lane.room()]).toEqual([[failure], [], null, null])
})

test.each(['snapshot-begin', 'table-dropped'] as const)('a chunk in part is waited for no longer after %s of its table', async (event) => {
  const { lane } = open(createMemoryStore())
  const control = (of: Table) => ({ ...placed, kind: 'control', event, generation: 'g2', fresh: false, table: of, end: '1' }) as Batch
  lane.push(rows('s.t/g1/0', '1', false))
  lane.push(control({ ...table, id: 2 }))
  await idle(lane)
  await turn()
  expect(lane.durable).toBeNull()
  lane.push(control(table))
  lane.push(rows('s.t/g2/0', '2', true))
  await vi.waitFor(() => expect(lane.durable).toBe('2'), { interval: 1 })
})

test('a sink that is durable later is not flushed, and stands where it reports', async () => {
  const sink = createLaterSink()
  const { lane, moves } = open(createMemoryStore(), { sink, maxWaitMs: 0 })
  for (const end of ['1', '2', '3']) lane.push(changes(end))
  await idle(lane)
  await turn()
  expect([lane.durable, sink.flushes()]).toEqual([null, 0])
  sink.settle(2)
  lane.moveDurable('2')
  expect([lane.durable, lane.held, lane.passed]).toEqual(['2', '2', '0'])
  lane.moveDurable('1')
  expect(lane.durable).toBe('2')
  await lane.drain()
  expect([lane.durable, lane.passed, sink.flushes()]).toEqual(['3', '3', 1])
  expect(moves.at(-1)).toBe('3')
})

test('a sink that is durable later is flushed once everything that somebody waits for was given', async () => {
  const sink = createLaterSink()
  const { lane } = open(createMemoryStore(), { sink })
  lane.push(changes('1'))
  lane.want('3')
  await idle(lane)
  await turn()
  expect(sink.flushes()).toBe(0)
  lane.push(changes('2'))
  lane.push(changes('4', 0))
  await vi.waitFor(() => expect(lane.passed).toBe('4'), { interval: 1 })
  expect([sink.given, sink.flushes(), lane.durable]).toEqual([['1', '2'], 1, '2'])
  lane.push(changes('5'))
  await idle(lane)
  await turn()
  expect(sink.flushes()).toBe(1)
})

test('a sink that is durable later is flushed where the source waits, be it that the batch is empty', async () => {
  const sink = createLaterSink()
  const { lane } = open(createMemoryStore(), { sink, clock: waitedClock() })
  lane.push(changes('1'))
  lane.push(awaited('2'))
  await vi.waitFor(() => expect([sink.flushes(), sink.given]).toEqual([1, ['1', '2']]), { interval: 1 })
  expect(lane.durable).toBe('1')
  sink.settle(2)
  lane.moveDurable('2')
  lane.push(awaited('3', 1))
  await vi.waitFor(() => expect([sink.flushes(), lane.durable]).toEqual([2, '3']), { interval: 1 })
})

test('a report of the same position says nothing of rows that stand there too', async () => {
  const sink = createLaterSink()
  const { lane } = open(createMemoryStore(), { sink })
  lane.push(changes('1'))
  lane.push(rows('s.t/1/0', '1', true))
  await idle(lane)
  sink.settle(1)
  lane.moveDurable('1')
  expect([lane.durable, lane.passed]).toEqual(['1', '0'])
  sink.settle(2)
  lane.moveDurable('1')
  expect(lane.passed).toBe('1')
  lane.push(changes('2', 0))
  await vi.waitFor(() => expect(sink.given).toEqual(['1', '1', '2']), { interval: 1 })
})

test('a failure between calls ends the lane', async () => {
  const { lane, failures } = open(createMemoryStore(), { sink: createLaterSink() })
  lane.push(changes('1'))
  await idle(lane)
  const failure = new Error('full')
  lane.fail(failure)
  lane.fail(new Error('again'))
  await lane.drain()
  expect([failures, lane.failure, lane.durable]).toEqual([[failure], { error: failure }, null])
})
