import { beforeEach, describe, expect, test } from 'vitest'
import { MillraceError } from '../errors/millrace-error.ts'
import { createMemoryLog } from '../testing/memory-source.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { until, users, useWorld } from './pipeline.fixture.ts'
import type { PipelineOptions } from './pipeline.ts'

const world = useWorld()

test('repairs a lost slot: made anew, and again if it is killed before the sinks have a checkpoint on it', async () => {
  const a = createMemoryStore()
  await world.begin({ a })
  world.insert(1)
  await world.run({ a }, { until: 'caught-up' })
  world.log.slot = { confirmed: world.log.head(), lost: true }
  world.insert(2)
  await expect(world.run({ a })).rejects.toMatchObject({ code: 'GAP_SLOT_LOST' })
  a.reject('write', new MillraceError('BUG', { reason: 'crash' }))
  await expect(world.run({ a }, { repair: true })).rejects.toMatchObject({ code: 'BUG' })
  world.events.length = 0
  const again = world.run({ a })
  await until(() => world.events.some((event) => event.event === 'started' && event.act === 'repair'))
  world.insert(3)
  await until(() => a.lines.filter((line) => line.startsWith('insert')).length === 2)
  world.quit.abort()
  await again
  expect(a.lines).toContain('snapshot-end users')
  expect(await world.state.get('repair')).toBe(false)
})

describe('copies and follows', () => {
  const copied = (store: MemoryStore) => store.lines.filter((line) => line.startsWith('read')).sort()
  const inserted = (store: MemoryStore) => store.lines.filter((line) => line.startsWith('insert'))

  beforeEach(() => {
    world.log = createMemoryLog({ tables: [users], chunkRows: 2 })
    for (const id of [1, 2, 3, 4, 5]) world.insert(id)
  })

  test('what is there, then what comes', async () => {
    const a = createMemoryStore()
    const before = world.log.transactions.length
    const running = world.run({ a }, { mode: 'both' })
    await until(() => a.lines.includes('snapshot-end users'))
    world.insert(6)
    await until(() => inserted(a).length > 0)
    world.quit.abort()
    await running
    expect(copied(a)).toEqual([1, 2, 3, 4, 5].map((id) => `read users ${id}`))
    expect(inserted(a)).toEqual(world.allLines().slice(before))
    expect(world.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['snapshot-planned', 'snapshot-chunk', 'snapshot-table-done', 'snapshot-done']),
    )
  })

  test('ends by itself when every table is copied, and copies nothing again', async () => {
    const a = createMemoryStore()
    expect(await world.run({ a }, { mode: 'snapshot' })).toMatchObject({ end: 'caught-up', rows: 5 })
    const reads = world.log.reads.length
    expect(reads).toBe(3)
    expect(await world.run({ a }, { mode: 'both', until: 'caught-up' })).toMatchObject({ rows: 0 })
    expect(world.log.reads).toHaveLength(reads)
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
    await expect(world.run({}, { mode: 'both', sinks: [dying], snapshot: { chunkBytes: 1, parallel: 1 } })).rejects.toBe(crash)
    world.log.reads.length = 0
    await world.run({ a }, { mode: 'both', until: 'caught-up' })
    expect(world.log.reads).toHaveLength(2)
    expect(copied(a)).toEqual([1, 2, 3, 4, 5].map((id) => `read users ${id}`))
  })

  test('rows and changes that are read again after a failure are counted once', async () => {
    const a = createMemoryStore()
    const failures = [new MillraceError('SINK_DISK_FULL', { sink: 'a', path: 'x' })]
    let written = 0
    const failing: PipelineOptions['sinks'][number] = {
      name: 'a',
      keepsRecord: true,
      open: async () => {
        const opened = createMemorySink(a)
        return {
          ...opened,
          write: async (batch, signal) => {
            if (batch.kind === 'rows') written++
            if (batch.kind === 'rows' && batch.rows()[0]?.[0] === 5) for (const failure of failures.splice(0)) throw failure
            return opened.write(batch, signal)
          },
        }
      },
    }
    const summary = await world.run({}, { mode: 'both', until: 'caught-up', sinks: [failing] })
    expect(written).toBeGreaterThan(3)
    expect(summary).toMatchObject({ rows: 5, tables: 1, example: { schema: users.schema, name: 'users' } })
    const chunks = world.events.flatMap((event) => (event.event === 'snapshot-chunk' ? [event.rows] : []))
    expect(Math.max(...chunks)).toBe(5)
  })

  test('a sink that was added later gets its rows alone, the others none again', async () => {
    const a = createMemoryStore()
    await world.run({ a }, { mode: 'snapshot' })
    const b = createMemoryStore()
    await world.run({ a, b }, { mode: 'both', until: 'caught-up' })
    expect(copied(b)).toEqual(copied(a))
    expect(a.lines.filter((line) => line === 'snapshot-end users')).toHaveLength(1)
  })

  test('at a repair every row again, as a generation over the present rows', async () => {
    const a = createMemoryStore()
    await world.run({ a }, { mode: 'snapshot' })
    world.log.slot = null
    world.insert(6)
    await expect(world.run({ a }, { mode: 'both' })).rejects.toMatchObject({ code: 'GAP_SLOT_MISSING' })
    await world.run({ a }, { mode: 'both', repair: true, until: 'caught-up' })
    expect(copied(a).filter((line) => line === 'read users 1')).toHaveLength(2)
    expect(copied(a)).toContain('read users 6')
    const begins = a.writes.flatMap((batch) => (batch.kind === 'control' && batch.event === 'snapshot-begin' ? [batch.fresh] : []))
    expect(begins).toEqual([true, false])
    await world.run({ a }, { mode: 'both', until: 'caught-up' })
  })
})

test('a sink that fails while the end is being drained is not caught up: it is retried until it holds everything', async () => {
  const a = createMemoryStore()
  world.insert(1, 2, 3)
  a.hold()
  a.reject('write', new MillraceError('SINK_DISK_FULL', { sink: 'a', path: 'x' }))
  const report = (event: PipelineEvent) => {
    if (event.event === 'draining') a.release()
  }
  expect(await world.run({ a }, { mode: 'both', until: 'caught-up', report })).toMatchObject({ end: 'caught-up' })
  expect(a.rows.size).toBe(3)
})
