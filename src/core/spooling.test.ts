import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { MillraceError } from '../errors/millrace-error.ts'
import { createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import { createMemoryLog } from '../testing/memory-source.ts'
import { until, users, useWorld } from './pipeline.fixture.ts'
import type { PipelineOptions, SpoolSettings } from './pipeline.ts'
import type { LivePipeline } from './run-live.ts'

const world = useWorld()
const down = () => new MillraceError('SINK_IO', { sink: 'b', path: 'p', reason: 'planned' })
const locked = () => new MillraceError('SINK_LOCKED', { sink: 'b', path: 'p', holder: '' })
const folder = () => join(world.folder, 'spool', 'b')

function spool(settings: Partial<SpoolSettings> = {}): { spool: SpoolSettings } {
  const folderOf = (sink: string) => join(world.folder, 'spool', sink)
  return { spool: { folderOf, maxBytes: 100_000_000, whenFull: 'block', patienceMs: 60_000, ...settings } }
}

const repeat = (times: number, act: () => void) => Array.from({ length: times }, act)
const fail = (store: MemoryStore, at: 'write' | 'flush' | 'resume' = 'write') => void repeat(500, () => store.reject(at, down()))

/** A run that is aborted as by a kill, but for what this process still has under way. */
function start(stores: Record<string, MemoryStore>, options: Partial<PipelineOptions> = {}) {
  const [drain, kill] = [new AbortController(), new AbortController()]
  let live: LivePipeline | null = null
  const handlers = (own: LivePipeline) => {
    live = own
    return {}
  }
  const running = world.run(stores, { ...spool(), signal: drain.signal, abort: kill.signal, handlers, ...options })
  const settled = running.then(
    (summary) => summary.end,
    (error: MillraceError) => error.code,
  )
  ended.push(() => (kill.abort(), drain.abort()))
  return {
    live: () => live!, // asked only once the run has begun
    kill: () => (kill.abort(), drain.abort(), settled),
    drain: () => (drain.abort(), settled),
    settled,
  }
}
const ended: (() => void)[] = []
afterEach(() => ended.splice(0).forEach((end) => end()))

const inserted = async (a: MemoryStore, ...ids: number[]) => {
  for (const id of ids) {
    const before = a.lines.length
    world.insert(id)
    await until(() => a.lines.length === before + 1)
  }
}
const acknowledged = () => until(() => world.log.slot?.confirmed === world.log.head())

test.each(['write', 'flush', 'resume'] as const)(
  'a sink that fails at %s for long holds up nobody, and gets everything later, in order',
  async (at) => {
    const [a, b] = [createMemoryStore(), createMemoryStore()]
    await world.run({ a, b }, { until: 'caught-up', ...spool() })
    fail(b, at)
    const run = start({ a, b })
    await inserted(a, 1, 2, 3, 4, 5)
    await acknowledged()
    expect(b.lines).toEqual([])
    b.heal()
    await until(() => b.lines.length === 5)
    // Once it holds everything, nothing is kept on disk any more.
    await until(() => !existsSync(folder()))
    await inserted(a, 6)
    await until(() => b.lines.length === 6)
    expect(existsSync(folder())).toBe(false)
    expect(await run.drain()).toBe('drained')
    expect([a.lines, b.lines]).toEqual([world.allLines(), world.allLines()])
  },
)

test('a sink that hangs is set aside after a while, and a run is not held up by it at its end', async () => {
  world.log = createMemoryLog({ tables: [users] })
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  b.hold()
  const run = start({ a, b }, { ...spool({ patienceMs: 250 }), batch: { maxBytes: 100, maxWaitMs: 5 } })
  await inserted(a, 1)
  repeat(20, () => world.insert(world.log.transactions.length + 1))
  await until(() => a.lines.length === 21)
  await acknowledged()
  expect(world.events).toContainEqual(expect.objectContaining({ event: 'retry', part: 'b', code: 'SINK_HANGS', isAside: true }))
  expect(b.lines).toEqual([])
  b.release()
  await until(() => b.lines.length === 21)
  expect(await run.drain()).toBe('drained')
  expect(b.lines).toEqual(world.allLines())
})

test.each([true, false])('killed while a sink is down, and begun again while it still is (keeps its record: %s)', async (keepsRecord) => {
  const [a, b] = [createMemoryStore(), createMemoryStore({ keepsRecord })]
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  fail(b)
  const first = start({ a, b })
  await inserted(a, 1, 2, 3)
  await acknowledged()
  await first.kill()
  b.heal()
  fail(b, 'resume')
  const second = start({ a, b })
  await inserted(a, 4, 5)
  await acknowledged()
  expect(b.lines).toEqual([])
  b.heal()
  await until(() => b.lines.length === 5)
  await second.drain()
  expect(b.lines).toEqual(world.allLines())
})

test('a sink that was not to be reached from the start of a run holds up nobody either, once it was open in an earlier one', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  world.insert(1)
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  fail(b, 'resume')
  const run = start({ a, b })
  await inserted(a, 2)
  await acknowledged()
  b.heal()
  await until(() => b.lines.length === 2)
  await run.drain()
  expect(b.lines).toEqual(world.allLines())
})

test('until caught up waits for the sink itself, not for the disk', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  world.events.length = 0
  fail(b)
  world.insert(1)
  const run = start({ a, b }, { until: 'caught-up' })
  await until(() => a.lines.length === 1)
  await acknowledged()
  expect(world.events.map(({ event }) => event)).not.toContain('caught-up')
  expect(b.lines).toEqual([])
  b.heal()
  expect(await run.settled).toBe('caught-up')
  expect(b.lines).toEqual(world.allLines())
})

test('the position, the bytes and the reason of a sink that is set aside are its own; who waits for it waits for itself', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  world.insert(0)
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  const before = world.log.head()
  fail(b)
  const run = start({ a, b })
  await inserted(a, 1)
  await acknowledged()
  const head = world.log.head()
  const [own, other] = [run.live().lanes()[1], run.live().lanes()[0]]
  expect(own).toMatchObject({ name: 'b', durable: before, state: 'spooling', error: { code: 'SINK_IO' } })
  expect(own?.spooledBytes).toBeGreaterThan(0)
  expect(other).toMatchObject({ name: 'a', durable: head, state: 'direct', error: null })
  let hasPassed = false
  const passed = run
    .live()
    .passed(head, new AbortController().signal, 'b')
    .then(() => (hasPassed = true))
  await inserted(a, 2)
  expect(hasPassed).toBe(false)
  b.heal()
  await passed
  expect(b.lines.length).toBeGreaterThan(0)
  await until(() => run.live().lanes()[1]?.state === 'direct')
  await run.drain()
})

test('what needs somebody stops that sink alone; the run says so at its end, and the next one goes on', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  b.reject('write', locked())
  const run = start({ a, b })
  await inserted(a, 1, 2, 3)
  await acknowledged()
  expect(run.live().lanes()[1]).toMatchObject({ state: 'stopped', error: { code: 'SINK_LOCKED' } })
  expect(world.events).toContainEqual(expect.objectContaining({ event: 'warning', code: 'SINK_STOPPED' }))
  expect(await run.drain()).toBe('SINK_LOCKED')
  expect(b.lines).toEqual([])
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  expect(b.lines).toEqual(world.allLines())
})

test('a run that ends by itself is stopped by what needs somebody', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  world.insert(1)
  b.reject('write', locked())
  await expect(world.run({ a, b }, { until: 'caught-up', ...spool() })).rejects.toMatchObject({ code: 'SINK_LOCKED' })
})

const SMALL = { maxBytes: 20_000 }
const flood = () => repeat(60, () => void world.insert(...repeat(10, () => 0).map((_, at) => world.log.transactions.length * 10 + at)))

test('a full disk space, block: all wait, a drain does not; then everything goes on', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.run({ a, b }, { until: 'caught-up', ...spool(SMALL) })
  fail(b)
  const batch = { maxBytes: 2000, maxWaitMs: 5 }
  const run = start({ a, b }, { ...spool(SMALL), batch })
  flood()
  await until(() => world.events.some((event) => event.event === 'warning' && event.code === 'SPOOL_FULL'))
  expect(run.live().lanes()[1]).toMatchObject({ state: 'full' })
  expect(await run.drain()).toBe('drained')
  expect(a.lines.length).toBeLessThan(600)
  expect(b.lines).toEqual([])
  b.heal()
  await world.run({ a, b }, { until: 'caught-up', ...spool(SMALL), batch })
  expect([a.lines, b.lines]).toEqual([world.allLines(), world.allLines()])
})

test('a full disk space, pause-sink: the others go on, the log is kept, and is read again once there is room', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  const settings = spool({ ...SMALL, whenFull: 'pause-sink' })
  await world.run({ a, b }, { until: 'caught-up', ...settings })
  fail(b)
  const run = start({ a, b }, { ...settings, batch: { maxBytes: 2000, maxWaitMs: 5 } })
  flood()
  await until(() => a.lines.length === 600)
  expect(run.live().lanes()[1]).toMatchObject({ state: 'paused' })
  expect(world.log.slot?.confirmed).not.toBe(world.log.head())
  expect(readdirSync(folder()).length).toBeLessThan(20)
  b.heal()
  await until(() => b.lines.length === 600)
  await acknowledged()
  expect(await run.drain()).toBe('drained')
  expect([a.lines, b.lines]).toEqual([world.allLines(), world.allLines()])
})

test('a sink that stands before what was kept for it is no longer the one that it was', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  world.insert(1)
  await world.run({ a, b }, { until: 'caught-up', ...spool() })
  b.reject('write', down())
  const run = start({ a, b })
  await until(() => run.live() !== null)
  fail(b, 'resume')
  await inserted(a, 2)
  await acknowledged()
  b.record = null
  b.heal()
  expect(await run.settled).toBe('GAP_SINK_BEHIND')
})

test('without a spool the pipeline waits for the sink that fails, as a pipeline of one sink does', async () => {
  const [a, b] = [createMemoryStore(), createMemoryStore()]
  await world.begin({ a, b })
  b.reject('write', locked())
  world.insert(1)
  await expect(world.run({ a, b })).rejects.toMatchObject({ code: 'SINK_LOCKED' })
})
