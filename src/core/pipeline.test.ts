import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Log } from '../contracts/sink.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { openSqliteState } from '../state/sqlite/state-store.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { createMemoryLog, createMemorySource, type MemoryLog } from '../testing/memory-source.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import { systemClock, type Clock } from './clock.ts'
import { runPipeline, type PipelineOptions } from './pipeline.ts'

const users: Table = {
  schema: 'public',
  name: 'users',
  id: 1,
  version: '1',
  columns: [{ name: 'id', id: 1, type: { kind: 'int32' }, sourceType: 'integer', typeOid: 23, typeModifier: -1, nullable: false }],
  key: [0],
  identity: 'key',
}

let folder: string
let state: StateStore
let log: MemoryLog
let events: PipelineEvent[]
let quit: AbortController
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-pipeline-'))
  state = await openSqliteState(join(folder, 'shop.db'), { pipeline: 'shop' })
  log = createMemoryLog({ tables: [users] })
  events = []
  quit = new AbortController()
})
afterEach(async () => {
  quit.abort()
  await state[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }
/** Retries at once, everything else in real time. */
const hasty: Clock = { now: systemClock.now, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) }

function run(stores: Record<string, MemoryStore>, options: Partial<PipelineOptions> = {}) {
  return runPipeline({
    name: 'shop',
    slotName: 'millrace_shop',
    source: async () => createMemorySource(log),
    sinks: Object.entries(stores).map(([name, store]) => ({
      name,
      keepsRecord: store.keepsRecord,
      open: async () => createMemorySink(store),
    })),
    state,
    mode: 'stream',
    snapshot: { chunkBytes: 1, parallel: 1 },
    batch: { maxBytes: 8_000_000, maxWaitMs: 1000 },
    report: (event) => void events.push(event),
    log: silent,
    signal: quit.signal,
    clock: hasty,
    ...options,
  })
}

const insert = (...ids: number[]) => log.commit(ids.map((id) => ({ op: 'insert', table: users, row: [id] })))
const allLines = () =>
  log.transactions.flatMap(({ changes }) => changes.map((change) => `insert users ${change.tx?.position} ${change.ordinal}`))
const until = (check: () => boolean) => vi.waitFor(() => expect(check()).toBe(true), { timeout: 20_000, interval: 2 })

/** The slot and a checkpoint of every sink are made, so that what follows is streamed. */
async function begin(stores: Record<string, MemoryStore>) {
  await run(stores, { until: 'caught-up' })
  events.length = 0
}

test('delivers what is committed, in order, and acknowledges it once it is durable', async () => {
  const a = createMemoryStore()
  await begin({ a })
  insert(1, 2)
  insert(3)
  const summary = await run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(allLines())
  expect(summary).toMatchObject({ end: 'caught-up', changes: 3, position: log.head() })
  expect(log.slot?.confirmed).toBe(log.head())
})

test('a lone change is durable and acknowledged without waiting on any timer', async () => {
  const a = createMemoryStore()
  await begin({ a })
  // Nothing ever wakes from a sleep of this clock but by the end of the session.
  const frozen: Clock = { now: () => 0, sleep: (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())) }
  const running = run({ a }, { clock: frozen })
  insert(1)
  await until(() => log.slot?.confirmed === log.head())
  expect(a.lines).toEqual(allLines())
  quit.abort()
  expect((await running).end).toBe('drained')
})

test('delivers a large transaction in parts, and goes on inside it after a crash', async () => {
  log = createMemoryLog({ tables: [users], batchChanges: 2 })
  const a = createMemoryStore({ answer: 'durable' })
  await begin({ a })
  insert(1, 2, 3, 4, 5)
  insert(6)
  // The fifth change never arrives in the first life.
  const crash = new MillraceError('BUG', { reason: 'crash' })
  const opened = createMemorySink(a)
  const dying: PipelineOptions['sinks'][number] = {
    name: 'a',
    keepsRecord: true,
    open: async () => ({
      ...opened,
      write: async (batch, signal) => {
        if (batch.kind === 'changes' && batch.changes[0]?.ordinal === 4) throw crash
        return opened.write(batch, signal)
      },
    }),
  }
  await expect(run({}, { sinks: [dying] })).rejects.toBe(crash)
  expect(a.lines).toHaveLength(4)
  expect(a.record?.position).toMatch(/:000000000003$/)
  // The server still has the whole transaction.
  expect(log.slot?.confirmed).toBe(log.transactions[0]?.start)
  await run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(allLines())
})

describe('exactly once through a crash', () => {
  const faults = [
    ['before a write', 'reject', 'write'],
    ['after a write', 'failAfter', 'write'],
    ['before a flush', 'reject', 'flush'],
    ['after a flush', 'failAfter', 'flush'],
  ] as const
  test.each(faults)('%s', async (_, verb, at) => {
    const a = createMemoryStore()
    const b = createMemoryStore()
    await begin({ a, b })
    insert(1)
    a[verb](at, new MillraceError('BUG', { reason: 'crash' }))
    await expect(run({ a, b })).rejects.toMatchObject({ code: 'BUG' })
    insert(2, 3)
    await run({ a, b }, { until: 'caught-up' })
    expect(a.lines).toEqual(allLines())
    expect(b.lines).toEqual(allLines())
  })

  test('of a sink that keeps no record: repeated only from the last checkpoint on, never missing', async () => {
    const a = createMemoryStore({ keepsRecord: false })
    await begin({ a })
    insert(1)
    await run({ a }, { until: 'caught-up' })
    insert(2)
    a.failAfter('flush', new MillraceError('BUG', { reason: 'crash' }))
    await expect(run({ a })).rejects.toMatchObject({ code: 'BUG' })
    await run({ a }, { until: 'caught-up' })
    const [first, second] = allLines()
    expect(a.lines).toEqual([first, second, second])
  })

  test('between the record of an acknowledgement and the acknowledgement', async () => {
    const a = createMemoryStore()
    await begin({ a })
    insert(1)
    const source = () => ({
      ...createMemorySource(log),
      acknowledge: () => {
        throw new MillraceError('BUG', { reason: 'crash' })
      },
    })
    await expect(run({ a }, { source: async () => source() })).rejects.toMatchObject({ code: 'BUG' })
    insert(2)
    await run({ a }, { until: 'caught-up' })
    expect(a.lines).toEqual(allLines())
  })
})

test('two sinks at different positions each get what they lack, also inside a transaction', async () => {
  log = createMemoryLog({ tables: [users], batchChanges: 2 })
  const ahead = createMemoryStore({ answer: 'durable' })
  const behind = createMemoryStore()
  await begin({ ahead, behind })
  insert(1, 2, 3, 4)
  behind.reject('write', new MillraceError('BUG', { reason: 'crash' }))
  await expect(run({ ahead, behind })).rejects.toMatchObject({ code: 'BUG' })
  expect(ahead.record?.position).not.toBe(behind.record?.position)
  log.batchChanges = 3
  await run({ ahead, behind }, { until: 'caught-up' })
  expect(ahead.lines).toEqual(allLines())
  expect(behind.lines).toEqual(allLines())
})

test('acknowledges nothing that one of the sinks does not hold durably', async () => {
  const fast = createMemoryStore()
  const slow = createMemoryStore()
  await begin({ fast, slow })
  const before = log.slot?.confirmed
  slow.hold()
  const running = run({ fast, slow })
  insert(1)
  await until(() => fast.lines.length === 1)
  expect(log.slot?.confirmed).toBe(before)
  slow.release()
  await until(() => log.slot?.confirmed === log.head())
  quit.abort()
  await running
  for (const position of log.acknowledged) {
    expect([...fast.durablePositions, ...slow.durablePositions]).toContain(position)
  }
})

test('a slow sink holds the source back: no more is read than the bound and what is in flight', async () => {
  log = createMemoryLog({ tables: [users], batchChanges: 1 })
  const a = createMemoryStore()
  await begin({ a })
  a.hold()
  for (let id = 0; id < 500; id++) insert(id)
  const pulledBefore = log.pulled
  const running = run({ a }, { batch: { maxBytes: 2000, maxWaitMs: 1000 }, until: 'caught-up' })
  await until(() => log.pulled - pulledBefore >= 6)
  // Each batch counts 100 bytes and 256 of its own; one more waits in the pump's hand.
  await new Promise((resolve) => setImmediate(resolve))
  expect(log.pulled - pulledBefore).toBeLessThan(10)
  a.release()
  await running
  expect(a.lines).toEqual(allLines())
})

test('groups commits: what came while the sink was busy is flushed at once', async () => {
  log = createMemoryLog({ tables: [users], batchChanges: 1 })
  const a = createMemoryStore()
  await begin({ a })
  a.hold()
  for (let id = 0; id < 100; id++) insert(id)
  const [flushes, pulled] = [a.flushes, log.pulled]
  const running = run({ a }, { until: 'caught-up' })
  await until(() => log.pulled - pulled === 100)
  a.release()
  await running
  expect(a.lines).toEqual(allLines())
  expect(a.flushes - flushes).toBeLessThan(5)
})

test('drains at a signal while the source is pending: what it took is durable and acknowledged', async () => {
  const a = createMemoryStore()
  await begin({ a })
  a.hold()
  const pulled = log.pulled
  const running = run({ a })
  const position = insert(1)
  await until(() => log.pulled > pulled)
  quit.abort()
  await until(() => events.some(({ event }) => event === 'draining'))
  // What comes now is for the next run; it must not make the pipeline leave before its acknowledgement has gone.
  insert(2)
  await until(() => log.pulled > pulled + 1)
  a.release()
  expect(await running).toMatchObject({ end: 'drained', position })
  expect(a.lines).toEqual(allLines().slice(0, 1))
  expect(log.slot?.confirmed).toBe(position)
  quit = new AbortController()
  await run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(allLines())
})

test.each([
  ['SINK_IO', 'is cut short'],
  ['SINK_PATH_IS_FOLDER', 'ends with the error'],
] as const)('a drain in which a sink fails with %s %s, and the next run delivers what it left', async (code, outcome) => {
  const a = createMemoryStore()
  const b = createMemoryStore()
  await begin({ a, b })
  a.hold()
  const pulled = log.pulled
  const running = run({ a, b })
  insert(1)
  await until(() => log.pulled > pulled)
  a.reject('flush', new MillraceError(code, {}))
  quit.abort()
  await until(() => events.some(({ event }) => event === 'draining'))
  a.release()
  const end = await running.then(
    ({ end }) => end,
    (error: MillraceError) => error.code,
  )
  expect(end).toBe(outcome === 'is cut short' ? 'aborted' : code)
  expect(b.lines).toEqual(allLines())
  quit = new AbortController()
  await run({ a, b }, { until: 'caught-up' })
  expect(a.lines).toEqual(allLines())
  expect(b.lines).toEqual(allLines())
})

test('a drain that takes too long is aborted, and the next run delivers what it left', async () => {
  const a = createMemoryStore()
  await begin({ a })
  insert(1)
  a.hold()
  const running = run({ a }, { drainMs: 20 })
  await until(() => log.openings > 1)
  quit.abort()
  expect((await running).end).toBe('aborted')
  a.release()
  quit = new AbortController()
  await run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(allLines())
})

test('a source that breaks is read again from the checkpoint', async () => {
  const a = createMemoryStore()
  await begin({ a })
  const running = run({ a })
  insert(1)
  await until(() => a.lines.length === 1)
  log.breakConnection()
  insert(2)
  await until(() => a.lines.length === 2)
  quit.abort()
  await running
  expect(a.lines).toEqual(allLines())
  expect(events).toContainEqual(expect.objectContaining({ event: 'retry', part: 'source', code: 'SOURCE_LOST', level: 'info' }))
})

test('a transient failure of a sink is retried until it works, the other sink losing and repeating nothing', async () => {
  const a = createMemoryStore()
  const b = createMemoryStore()
  await begin({ a, b })
  insert(1)
  for (let attempt = 0; attempt < 12; attempt++) a.reject('flush', new MillraceError('SINK_IO', { sink: 'a', path: 'x', reason: 'test' }))
  await run({ a, b }, { until: 'caught-up' })
  expect(a.lines).toEqual(allLines())
  expect(b.lines).toEqual(allLines())
  const levels = events.flatMap((event) => (event.event === 'retry' ? [event.level] : []))
  expect(new Set(levels)).toEqual(new Set(['info', 'warn', 'error']))
})

test.each(['SINK_VALUE', 'SINK_PATH_IS_FOLDER', 'BUG'] as const)('%s stops the pipeline once the other sink has drained', async (code) => {
  const a = createMemoryStore()
  const b = createMemoryStore()
  await begin({ a, b })
  insert(1)
  a.reject('write', new MillraceError(code, {}))
  await expect(run({ a, b })).rejects.toMatchObject({ code })
  expect(b.lines).toEqual(allLines())
  expect(a.lines).toEqual([])
})

test('gives up a source that cannot be reached for 10 s at the first connect', async () => {
  let now = 0
  const clock: Clock = { now: () => (now += 1000), sleep: async () => {} }
  const source = async () => Promise.reject(new MillraceError('SOURCE_UNREACHABLE', { host: 'x', reason: 'refused' }))
  await expect(run({}, { source, clock })).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  expect(events.length).toBeGreaterThan(3)
})

test('reads until a position, and no further than the sinks had to', async () => {
  const a = createMemoryStore()
  await begin({ a })
  const position = insert(1)
  expect(await run({ a }, { until: { position } })).toMatchObject({ end: 'caught-up' })
  expect(a.record?.position).toBe(position)
})

test('an idle log moves the slot, so that other databases’ writes are not retained', async () => {
  const a = createMemoryStore()
  await begin({ a })
  log.advance()
  await run({ a }, { until: 'caught-up' })
  expect(log.slot?.confirmed).toBe(log.head())
  // Also where the sink takes no note of batches without changes.
  if (a.record !== null) a.record = { ...a.record, position: '0000000000000010' }
  insert(1)
  await run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(allLines())
})

test('refuses to go on from a sink that was restored from an older copy', async () => {
  const a = createMemoryStore()
  await begin({ a })
  insert(1)
  await run({ a }, { until: 'caught-up' })
  const copy = a.record
  insert(2)
  await run({ a }, { until: 'caught-up' })
  a.record = copy
  await expect(run({ a })).rejects.toMatchObject({ code: 'GAP_SINK_BEHIND' })
})

test('repairs a lost slot: made anew, and again if it is killed before the sinks have a checkpoint on it', async () => {
  const a = createMemoryStore()
  await begin({ a })
  insert(1)
  await run({ a }, { until: 'caught-up' })
  log.slot = { confirmed: log.head(), lost: true }
  insert(2)
  await expect(run({ a })).rejects.toMatchObject({ code: 'GAP_SLOT_LOST' })
  a.reject('write', new MillraceError('BUG', { reason: 'crash' }))
  await expect(run({ a }, { repair: true })).rejects.toMatchObject({ code: 'BUG' })
  events.length = 0
  const again = run({ a })
  await until(() => events.some((event) => event.event === 'started' && event.act === 'repair'))
  insert(3)
  await until(() => a.lines.filter((line) => line.startsWith('insert')).length === 2)
  quit.abort()
  await again
  expect(a.lines).toContain('snapshot-end users')
  expect(await state.get('repair')).toBe(false)
})

test('answers requests of other processes while it runs', async () => {
  const a = createMemoryStore()
  await begin({ a })
  await using asking = await openSqliteState(join(folder, 'shop.db'), { pipeline: 'shop' })
  const running = run(
    { a },
    {
      handlers: (live) => ({
        status: async () => live.lanes().map(({ name }) => name),
        fail: async () => Promise.reject(new MillraceError('SINK_UNREADABLE', { sink: 'a', type: 'memory' })),
      }),
    },
  )
  expect(await asking.ask('status', null, 10_000)).toEqual({ result: ['a'] })
  expect(await asking.ask('fail', null, 10_000)).toMatchObject({ error: { code: 'SINK_UNREADABLE', fields: { sink: 'a' } } })
  quit.abort()
  await running
})

test('finds tables that join and leave while it runs', async () => {
  const a = createMemoryStore()
  await begin({ a })
  const running = run({ a })
  await until(() => events.some(({ event }) => event === 'started'))
  log.tables.push({ ...users, id: 2, name: 'orders' })
  await until(() => events.some((event) => event.event === 'tables-joined' && event.tables[0] === 'public.orders'))
  log.tables.splice(0, 1)
  await until(() => events.some((event) => event.event === 'tables-left' && event.tables[0] === 'public.users'))
  quit.abort()
  await running
})

describe('copies and follows', () => {
  const copied = (store: MemoryStore) => store.lines.filter((line) => line.startsWith('read')).sort()
  const inserted = (store: MemoryStore) => store.lines.filter((line) => line.startsWith('insert'))

  beforeEach(() => {
    log = createMemoryLog({ tables: [users], chunkRows: 2 })
    for (const id of [1, 2, 3, 4, 5]) insert(id)
  })

  test('what is there, then what comes', async () => {
    const a = createMemoryStore()
    const before = log.transactions.length
    const running = run({ a }, { mode: 'both' })
    await until(() => a.lines.includes('snapshot-end users'))
    insert(6)
    await until(() => inserted(a).length > 0)
    quit.abort()
    await running
    expect(copied(a)).toEqual([1, 2, 3, 4, 5].map((id) => `read users ${id}`))
    expect(inserted(a)).toEqual(allLines().slice(before))
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['snapshot-planned', 'snapshot-chunk', 'snapshot-table-done', 'snapshot-done']),
    )
  })

  test('ends by itself when every table is copied, and copies nothing again', async () => {
    const a = createMemoryStore()
    expect(await run({ a }, { mode: 'snapshot' })).toMatchObject({ end: 'caught-up', rows: 5 })
    const reads = log.reads.length
    expect(reads).toBe(3)
    expect(await run({ a }, { mode: 'both', until: 'caught-up' })).toMatchObject({ rows: 0 })
    expect(log.reads).toHaveLength(reads)
  })

  test('chunk by chunk: after a crash only what was not durable is read again', async () => {
    const a = createMemoryStore({ answer: 'durable' })
    const crash = new MillraceError('BUG', { reason: 'crash' })
    const opened = createMemorySink(a)
    const dying: PipelineOptions['sinks'][number] = {
      name: 'a',
      keepsRecord: true,
      open: async () => ({
        ...opened,
        write: async (batch, signal) => {
          if (batch.kind === 'rows' && copied(a).length > 0) throw crash
          return opened.write(batch, signal)
        },
      }),
    }
    await expect(run({}, { mode: 'both', sinks: [dying], snapshot: { chunkBytes: 1, parallel: 1 } })).rejects.toBe(crash)
    log.reads.length = 0
    await run({ a }, { mode: 'both', until: 'caught-up' })
    expect(log.reads).toHaveLength(2)
    expect(copied(a)).toEqual([1, 2, 3, 4, 5].map((id) => `read users ${id}`))
  })

  test('a sink that was added later gets its rows alone, the others none again', async () => {
    const a = createMemoryStore()
    await run({ a }, { mode: 'snapshot' })
    const b = createMemoryStore()
    await run({ a, b }, { mode: 'both', until: 'caught-up' })
    expect(copied(b)).toEqual(copied(a))
    expect(a.lines.filter((line) => line === 'snapshot-end users')).toHaveLength(1)
  })

  test('at a repair every row again, as a generation over the present rows', async () => {
    const a = createMemoryStore()
    await run({ a }, { mode: 'snapshot' })
    log.slot = null
    insert(6)
    await expect(run({ a }, { mode: 'both' })).rejects.toMatchObject({ code: 'GAP_SLOT_MISSING' })
    await run({ a }, { mode: 'both', repair: true, until: 'caught-up' })
    expect(copied(a).filter((line) => line === 'read users 1')).toHaveLength(2)
    expect(copied(a)).toContain('read users 6')
    const begins = a.writes.flatMap((batch) => (batch.kind === 'control' && batch.event === 'snapshot-begin' ? [batch.fresh] : []))
    expect(begins).toEqual([true, false])
    await run({ a }, { mode: 'both', until: 'caught-up' })
  })
})
