import { expect, test } from 'vitest'
import type { Batch } from '../contracts/batch.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createNative } from '../formats/native/native.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import { until, users, useWorld } from './pipeline.fixture.ts'
import type { PipelineOptions } from './pipeline.ts'
import type { LivePipeline } from './run-live.ts'

const world = useWorld()
const limits = () => ({ store: world.state.deadLetters, maxOpen: 100, maxAMinute: 100, words: createNative() })

/** Refuses changes of these kinds. */
function refusing(store: MemoryStore, refused: Set<string>, shape: 'changes' | 'tables' = 'changes'): PipelineOptions['sinks'][number] {
  return {
    ...{ name: 'a', keepsRecord: true, shape, takesLate: true },
    open: async () => {
      const sink = createMemorySink(store)
      const isBad = (batch: Batch) =>
        (batch.kind === 'changes' && batch.changes.some(({ op }) => refused.has(op))) ||
        (batch.kind === 'rows' && batch.rowCount > 0 && refused.has('read'))
      return {
        ...sink,
        async write(batch, signal) {
          if (isBad(batch)) throw new MillraceError('SINK_VALUE', { sink: 'a', table: 'public.users', column: 'id', type: 'int' })
          return sink.write(batch, signal)
        },
      }
    },
  }
}

async function begun() {
  const a = createMemoryStore()
  await world.begin({ a })
  a.lines.length = 0
  return a
}

const run = (sinks: PipelineOptions['sinks']) => world.run({}, { sinks, deadLetters: limits(), until: 'caught-up' })
const kinds = async () => (await world.state.deadLetters.list()).map(({ op, waits }) => `${op}${waits ? ' waits' : ''}`)

/** An insert that lies aside, its key that became another, and a change of that. */
async function moved(a: MemoryStore, refused: Set<string>) {
  world.insert(5)
  await run([refusing(a, refused)])
  refused.clear()
  world.log.commit([{ op: 'update', table: users, old: [5], row: [9] }])
  world.log.commit([{ op: 'delete', table: users, row: [9] }])
  await run([refusing(a, refused)])
  expect(await kinds()).toEqual(['insert', 'update waits', 'delete waits'])
}

test.each([0, 1, 2])('those of a key that became another are given again together, whichever is chosen (%i)', async (which) => {
  const a = await begun()
  const refused = new Set(['insert'])
  await moved(a, refused)
  const { id } = (await world.state.deadLetters.list())[which]!
  expect(await whileRunning({ sinks: [refusing(a, refused)] }, (live) => live.retryLetters([id]))).toBe(3)
  expect(a.lines.map((line) => line.split(' ')[0])).toEqual(['insert', 'update', 'delete'])
  expect(await kinds()).toEqual([])
})

test('one that is dropped does not let others pass by those that wait still', async () => {
  const a = await begun()
  const refused = new Set(['insert'])
  await moved(a, refused)
  const [first] = await world.state.deadLetters.list()
  await whileRunning({ sinks: [refusing(a, refused)] }, async (live) => {
    // It knows of them once something came.
    world.insert(1)
    await until(() => a.lines.length === 1)
    await live.dropLetters([first!.id])
    world.insert(5)
    world.insert(2)
    await until(() => a.lines.length === 2)
  })
  expect(await kinds()).toEqual(['update waits', 'delete waits', 'insert waits'])
})

test('a key that became another is not made up for in a table by reading a row: it says so', async () => {
  const a = await begun()
  world.insert(5)
  world.log.commit([{ op: 'update', table: users, old: [5], row: [9] }])
  const refused = new Set(['update'])
  await run([refusing(a, refused, 'tables')])
  const [letter] = await world.state.deadLetters.list()
  const asked = whileRunning({ sinks: [refusing(a, refused, 'tables')] }, (live) => live.retryLetters([letter!.id]))
  await expect(asked).rejects.toMatchObject({ code: 'DEAD_LETTER_REPAIR' })
  expect(await kinds()).toEqual(['update'])
})

test('a row that is refused again where it is read again stays aside, however often it is asked for', async () => {
  const a = await begun()
  world.insert(1, 2)
  const refused = new Set(['insert', 'read'])
  const part = { ...refusing(a, refused, 'tables'), name: 'a' }
  const options = { mode: 'both' as const, sinks: [part] }
  await world.run({}, { ...options, deadLetters: limits(), until: 'caught-up' })
  const ids = (await world.state.deadLetters.list()).map(({ id }) => id)
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(whileRunning(options, (live) => live.retryLetters(ids))).rejects.toThrow('abort')
    expect(await kinds()).toEqual(expect.arrayContaining(['read', 'insert']))
  }
  refused.clear()
  const all = (await world.state.deadLetters.list()).map(({ id }) => id)
  await whileRunning(options, (live) => live.retryLetters(all))
  expect(await kinds()).toEqual([])
  expect([...a.rows.keys()].sort()).toEqual(['users 1', 'users 2'])
})

async function whileRunning<T>(options: Partial<PipelineOptions>, ask: (live: LivePipeline) => Promise<T>): Promise<T> {
  const quit = new AbortController()
  let live: LivePipeline | null = null
  const started = world.events.filter(({ event }) => event === 'started').length
  const handlers = (given: LivePipeline) => ((live = given), {})
  const running = world.run({}, { deadLetters: limits(), ...options, handlers, signal: quit.signal })
  await until(() => live !== null && world.events.filter(({ event }) => event === 'started').length > started)
  try {
    return await ask(live!) // `until` saw it
  } finally {
    quit.abort()
    await running.catch(() => {})
  }
}
