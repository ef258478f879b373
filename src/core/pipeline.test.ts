import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../errors/millrace-error.ts'
import { openSqliteState } from '../state/sqlite/state-store.ts'
import { createMemoryLog, createMemorySource } from '../testing/memory-source.ts'
import { createMemorySink, createMemoryStore } from '../testing/memory-sink.ts'
import type { Clock } from './clock.ts'
import { hastyClock, until, users, useWorld } from './pipeline.fixture.ts'
import type { PipelineOptions } from './pipeline.ts'

const world = useWorld()

test('delivers what is committed, in order, and acknowledges it once it is durable', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  world.insert(1, 2)
  world.insert(3)
  const summary = await world.run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(world.allLines())
  expect(summary).toMatchObject({ end: 'caught-up', changes: 3, position: world.log.head() })
  expect(world.log.slot?.confirmed).toBe(world.log.head())
})

test('a lone change is durable and acknowledged without waiting on any timer', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  // Nothing ever wakes from a sleep of this clock but by the end of the session.
  const frozen: Clock = { now: () => 0, sleep: (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())) }
  const running = world.run({ a }, { clock: frozen })
  world.insert(1)
  await until(() => world.log.slot?.confirmed === world.log.head())
  expect(a.lines).toEqual(world.allLines())
  world.quit.abort()
  expect((await running).end).toBe('drained')
})

test('delivers a large transaction in parts, and goes on inside it after a crash', async () => {
  world.log = createMemoryLog({ tables: [users], batchChanges: 2 })
  const a = createMemoryStore({ answer: 'durable' })
  await world.begin({ a })
  world.insert(1, 2, 3, 4, 5)
  world.insert(6)
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
  await expect(world.run({}, { sinks: [dying] })).rejects.toBe(crash)
  expect(a.lines).toHaveLength(4)
  expect(a.record?.position).toMatch(/:000000000003$/)
  // The server still has the whole transaction.
  expect(world.log.slot?.confirmed).toBe(world.log.transactions[0]?.start)
  await world.run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(world.allLines())
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
    await world.begin({ a, b })
    world.insert(1)
    a[verb](at, new MillraceError('BUG', { reason: 'crash' }))
    await expect(world.run({ a, b })).rejects.toMatchObject({ code: 'BUG' })
    world.insert(2, 3)
    await world.run({ a, b }, { until: 'caught-up' })
    expect(a.lines).toEqual(world.allLines())
    expect(b.lines).toEqual(world.allLines())
  })

  test('of a sink that keeps no record: repeated only from the last checkpoint on, never missing', async () => {
    const a = createMemoryStore({ keepsRecord: false })
    await world.begin({ a })
    world.insert(1)
    await world.run({ a }, { until: 'caught-up' })
    world.insert(2)
    a.failAfter('flush', new MillraceError('BUG', { reason: 'crash' }))
    await expect(world.run({ a })).rejects.toMatchObject({ code: 'BUG' })
    await world.run({ a }, { until: 'caught-up' })
    const [first, second] = world.allLines()
    expect(a.lines).toEqual([first, second, second])
  })

  test('between the record of an acknowledgement and the acknowledgement', async () => {
    const a = createMemoryStore()
    await world.begin({ a })
    world.insert(1)
    const source = () => ({
      ...createMemorySource(world.log),
      acknowledge: () => {
        throw new MillraceError('BUG', { reason: 'crash' })
      },
    })
    await expect(world.run({ a }, { source: async () => source() })).rejects.toMatchObject({ code: 'BUG' })
    world.insert(2)
    await world.run({ a }, { until: 'caught-up' })
    expect(a.lines).toEqual(world.allLines())
  })
})

test('two sinks at different positions each get what they lack, also inside a transaction', async () => {
  world.log = createMemoryLog({ tables: [users], batchChanges: 2 })
  const ahead = createMemoryStore({ answer: 'durable' })
  const behind = createMemoryStore()
  await world.begin({ ahead, behind })
  world.insert(1, 2, 3, 4)
  behind.reject('write', new MillraceError('BUG', { reason: 'crash' }))
  await expect(world.run({ ahead, behind })).rejects.toMatchObject({ code: 'BUG' })
  expect(ahead.record?.position).not.toBe(behind.record?.position)
  world.log.batchChanges = 3
  await world.run({ ahead, behind }, { until: 'caught-up' })
  expect(ahead.lines).toEqual(world.allLines())
  expect(behind.lines).toEqual(world.allLines())
})

test('acknowledges nothing that one of the sinks does not hold durably', async () => {
  const fast = createMemoryStore()
  const slow = createMemoryStore()
  await world.begin({ fast, slow })
  const before = world.log.slot?.confirmed
  slow.hold()
  const running = world.run({ fast, slow })
  world.insert(1)
  await until(() => fast.lines.length === 1)
  expect(world.log.slot?.confirmed).toBe(before)
  slow.release()
  await until(() => world.log.slot?.confirmed === world.log.head())
  world.quit.abort()
  await running
  for (const position of world.log.acknowledged) {
    expect([...fast.durablePositions, ...slow.durablePositions]).toContain(position)
  }
})

test('a slow sink holds the source back: no more is read than the bound and what is in flight', async () => {
  world.log = createMemoryLog({ tables: [users], batchChanges: 1 })
  const a = createMemoryStore()
  await world.begin({ a })
  a.hold()
  for (let id = 0; id < 500; id++) world.insert(id)
  const pulledBefore = world.log.pulled
  const running = world.run({ a }, { batch: { maxBytes: 2000, maxWaitMs: 1000 }, until: 'caught-up' })
  await until(() => world.log.pulled - pulledBefore >= 6)
  // Each batch counts 100 bytes and 256 of its own; one more waits in the pump's hand.
  await new Promise((resolve) => setImmediate(resolve))
  expect(world.log.pulled - pulledBefore).toBeLessThan(10)
  a.release()
  await running
  expect(a.lines).toEqual(world.allLines())
})

test('groups commits: what came while the sink was busy is flushed at once', async () => {
  world.log = createMemoryLog({ tables: [users], batchChanges: 1 })
  const a = createMemoryStore()
  await world.begin({ a })
  a.hold()
  for (let id = 0; id < 100; id++) world.insert(id)
  const [flushes, pulled] = [a.flushes, world.log.pulled]
  const running = world.run({ a }, { until: 'caught-up' })
  await until(() => world.log.pulled - pulled === 100)
  a.release()
  await running
  expect(a.lines).toEqual(world.allLines())
  expect(a.flushes - flushes).toBeLessThan(5)
})

test('drains at a signal while the source is pending: what it took is durable and acknowledged', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  a.hold()
  const pulled = world.log.pulled
  const running = world.run({ a })
  const position = world.insert(1)
  await until(() => world.log.pulled > pulled)
  world.quit.abort()
  await until(() => world.events.some(({ event }) => event === 'draining'))
  // What comes now is for the next run; it must not make the pipeline leave before its acknowledgement has gone.
  world.insert(2)
  await until(() => world.log.pulled > pulled + 1)
  a.release()
  expect(await running).toMatchObject({ end: 'drained', position })
  expect(a.lines).toEqual(world.allLines().slice(0, 1))
  expect(world.log.slot?.confirmed).toBe(position)
  world.quit = new AbortController()
  await world.run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(world.allLines())
})

test.each([
  ['SINK_IO', 'is cut short'],
  ['SINK_PATH_IS_FOLDER', 'ends with the error'],
] as const)('a drain in which a sink fails with %s %s, and the next run delivers what it left', async (code, outcome) => {
  const a = createMemoryStore()
  const b = createMemoryStore()
  await world.begin({ a, b })
  a.hold()
  const pulled = world.log.pulled
  const running = world.run({ a, b })
  world.insert(1)
  await until(() => world.log.pulled > pulled)
  a.reject('flush', new MillraceError(code, {}))
  world.quit.abort()
  await until(() => world.events.some(({ event }) => event === 'draining'))
  a.release()
  const end = await running.then(
    ({ end }) => end,
    (error: MillraceError) => error.code,
  )
  expect(end).toBe(outcome === 'is cut short' ? 'aborted' : code)
  expect(b.lines).toEqual(world.allLines())
  world.quit = new AbortController()
  await world.run({ a, b }, { until: 'caught-up' })
  expect(a.lines).toEqual(world.allLines())
  expect(b.lines).toEqual(world.allLines())
})

test('a drain that takes too long is aborted, and the next run delivers what it left', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  world.insert(1)
  a.hold()
  const running = world.run({ a }, { drainMs: 20 })
  await until(() => world.log.openings > 1)
  world.quit.abort()
  expect((await running).end).toBe('aborted')
  a.release()
  world.quit = new AbortController()
  await world.run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(world.allLines())
})

test('a source that breaks is read again from the checkpoint', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  const running = world.run({ a })
  world.insert(1)
  await until(() => a.lines.length === 1)
  world.log.breakConnection()
  world.insert(2)
  await until(() => a.lines.length === 2)
  world.quit.abort()
  await running
  expect(a.lines).toEqual(world.allLines())
  expect(world.events).toContainEqual(expect.objectContaining({ event: 'retry', part: 'source', code: 'SOURCE_LOST', level: 'info' }))
})

test('a transient failure of a sink is retried until it works, the other sink losing and repeating nothing', async () => {
  const a = createMemoryStore()
  const b = createMemoryStore()
  await world.begin({ a, b })
  world.insert(1)
  for (let attempt = 0; attempt < 12; attempt++) a.reject('flush', new MillraceError('SINK_IO', { sink: 'a', path: 'x', reason: 'test' }))
  await world.run({ a, b }, { until: 'caught-up' })
  expect(a.lines).toEqual(world.allLines())
  expect(b.lines).toEqual(world.allLines())
  const levels = world.events.flatMap((event) => (event.event === 'retry' ? [event.level] : []))
  expect(new Set(levels)).toEqual(new Set(['info', 'warn', 'error']))
})

test('a sink that is asked to wait by its server is left alone for so long, and counts as failing meanwhile', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  world.insert(1)
  for (let attempt = 0; attempt < 5; attempt++) a.reject('flush', new MillraceError('SINK_HTTP_BUSY', {}, { retryAfterMs: 90_000 }))
  let passedMs = 0
  const clock: Clock = {
    now: () => hastyClock.now() + passedMs,
    sleep: (ms, signal) => ((passedMs += ms >= 90_000 ? ms : 0), hastyClock.sleep(ms, signal)),
  }
  await world.run({ a }, { until: 'caught-up', clock })
  const retries = world.events.flatMap((event) => (event.event === 'retry' ? [event] : []))
  expect(retries.map(({ attempt, delayMs }) => [attempt, delayMs])).toEqual([1, 2, 3, 4, 5].map((attempt) => [attempt, 90_000]))
  expect(a.lines).toEqual(world.allLines())
})

test.each(['SINK_VALUE', 'SINK_PATH_IS_FOLDER', 'BUG'] as const)('%s stops the pipeline once the other sink has drained', async (code) => {
  const a = createMemoryStore()
  const b = createMemoryStore()
  await world.begin({ a, b })
  world.insert(1)
  a.reject('write', new MillraceError(code, {}))
  await expect(world.run({ a, b })).rejects.toMatchObject({ code })
  expect(b.lines).toEqual(world.allLines())
  expect(a.lines).toEqual([])
})

test('gives up a source that cannot be reached for 10 s at the first connect', async () => {
  let now = 0
  const clock: Clock = { now: () => (now += 1000), sleep: async () => {} }
  const source = async () => Promise.reject(new MillraceError('SOURCE_UNREACHABLE', { host: 'x', reason: 'refused' }))
  await expect(world.run({}, { source, clock })).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  expect(world.events.length).toBeGreaterThan(3)
})

test('reads until a position, and no further than the sinks had to', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  const position = world.insert(1)
  expect(await world.run({ a }, { until: { position } })).toMatchObject({ end: 'caught-up' })
  expect(a.record?.position).toBe(position)
})

test('an idle log moves the slot, so that other databases’ writes are not retained', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  world.log.advance()
  await world.run({ a }, { until: 'caught-up' })
  expect(world.log.slot?.confirmed).toBe(world.log.head())
  // Also where the sink takes no note of batches without changes.
  if (a.record !== null) a.record = { ...a.record, position: '0000000000000010' }
  world.insert(1)
  await world.run({ a }, { until: 'caught-up' })
  expect(a.lines).toEqual(world.allLines())
})

test('refuses to go on from a sink that was restored from an older copy', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  world.insert(1)
  await world.run({ a }, { until: 'caught-up' })
  const copy = a.record
  world.insert(2)
  await world.run({ a }, { until: 'caught-up' })
  a.record = copy
  await expect(world.run({ a })).rejects.toMatchObject({ code: 'GAP_SINK_BEHIND' })
})

test('answers requests of other processes while it runs', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  await using asking = await openSqliteState(join(world.folder, 'shop.db'), { pipeline: 'shop' })
  const running = world.run(
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
  world.quit.abort()
  await running
})

test('a table that left and is back is not told to the sinks as gone', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  let isTold = false
  const back: PipelineOptions['source'] = async () => ({
    ...createMemorySource(world.log),
    discover: async () => {
      const found = isTold ? [] : [users]
      isTold = true
      return { joined: found, left: found }
    },
  })
  const running = world.run({ a }, { source: back })
  await until(() => world.events.some(({ event }) => event === 'tables-joined'))
  world.log.advance()
  world.insert(1)
  await until(() => a.lines.some((line) => line.startsWith('insert users')))
  world.quit.abort()
  await running
  expect(a.lines).not.toContain('table-dropped users')
})

test('finds tables that join and leave while it runs', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  const running = world.run({ a })
  await until(() => world.events.some(({ event }) => event === 'started'))
  world.log.tables.push({ ...users, id: 2, name: 'orders' })
  await until(() => world.events.some((event) => event.event === 'tables-joined' && event.tables[0] === 'public.orders'))
  world.log.tables.splice(0, 1)
  await until(() => world.events.some((event) => event.event === 'tables-left' && event.tables[0] === 'public.users'))
  world.log.advance()
  world.insert(1)
  await until(() => a.lines.includes('table-dropped users'))
  world.quit.abort()
  await running
})
