import { describe, expect, test } from 'vitest'
import type { Batch } from '../contracts/batch.ts'
import type { Row } from '../contracts/table.ts'
import { createNative } from '../formats/native/native.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createMemoryLog } from '../testing/memory-source.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import type { LivePipeline } from './run-live.ts'
import { until, users, useWorld } from './pipeline.fixture.ts'
import type { PipelineOptions } from './pipeline.ts'

const world = useWorld()

/** A memory sink that cannot hold some ids: it says so when it is given them, when it is flushed, or by itself at some time. */
function picky(
  store: MemoryStore,
  refused: ReadonlySet<number>,
  { when = 'write' as 'write' | 'flush' | 'later', shape = 'changes' as const, takesLate = true } = {},
) {
  const part: PipelineOptions['sinks'][number] & { shape: 'changes' | 'tables' } = {
    name: 'a',
    keepsRecord: store.keepsRecord,
    shape,
    takesLate,
    open: async (context) => {
      const sink = createMemorySink(store)
      let isBad = false
      const fail = () => new MillraceError('SINK_VALUE', { sink: 'a', table: 'public.users', column: 'id', type: 'int' })
      return {
        ...sink,
        ...(when === 'later' && { hasPending: true }),
        async write(batch, signal) {
          if (isBad) throw fail()
          if (idsOf(batch).some((id) => refused.has(id))) {
            if (when === 'write') throw fail()
            isBad = true
            if (when === 'later') setImmediate(() => context.failed(fail()))
          }
          return sink.write(batch, signal)
        },
        async flush(signal) {
          if (isBad) throw fail()
          await sink.flush(signal)
          if (when === 'later' && store.record) context.durable(store.record.position)
        },
      }
    },
  }
  return part
}

function idsOf(batch: Batch): number[] {
  const rows: Row[] =
    batch.kind === 'rows'
      ? [...batch.rows()]
      : batch.kind === 'changes'
        ? batch.changes.flatMap((change) => ('before' in change ? [change.after ?? change.before ?? []] : []))
        : []
  return rows.map((row) => Number(row[0]))
}

const limits = () => ({ store: world.state.deadLetters, maxOpen: 100, maxAMinute: 100, words: createNative() })

async function begun(options: { keepsRecord?: boolean } = {}) {
  const a = createMemoryStore(options)
  await world.begin({ a })
  a.lines.length = 0
  return a
}

const lettersOf = async () =>
  (await world.state.deadLetters.list()).map(({ position, ordinal, waits, op }) => `${op} ${position} ${ordinal}${waits ? ' waits' : ''}`)
const linesBut = (...ordinals: number[]) => world.allLines().filter((line) => !ordinals.includes(Number(line.split(' ').at(-1))))

describe.each(['write', 'flush', 'later'] as const)('a sink that refuses at %s', (when) => {
  test.each([true, false])('gets everything but what it cannot hold, once and in order (keeps its record: %s)', async (keepsRecord) => {
    world.log = createMemoryLog({ tables: [users], batchChanges: 40 })
    const a = await begun({ keepsRecord })
    world.insert(...Array.from({ length: 100 }, (_, id) => id))
    const part = picky(a, new Set([13, 57, 58]), { when })
    const summary = await world.run({}, { sinks: [part], deadLetters: limits(), until: 'caught-up' })
    expect(summary.end).toBe('caught-up')
    // Without a record of its own a sink sees again what lies behind its checkpoint: at least once.
    const once = keepsRecord ? a.lines : [...new Set(a.lines)]
    expect(once).toEqual(linesBut(13, 57, 58))
    const at = world.log.transactions[0]?.start
    expect(await lettersOf()).toEqual([`insert ${at} 13`, `insert ${at} 57`, `insert ${at} 58`])
    expect(world.events.filter((event) => event.event === 'warning').map(({ code }) => code)).toEqual(Array(3).fill('DEAD_LETTER'))
    expect(world.log.slot?.confirmed).toBe(world.log.head())
  })
})

test.each(['flush', 'later'] as const)('what is given alone is not blamed for what was given before it (refused at %s)', async (when) => {
  world.log = createMemoryLog({ tables: [users], batchChanges: 1 })
  const a = await begun()
  world.insert(0, 1, 2, 3, 4, 5, 6, 7)
  await world.run({}, { sinks: [picky(a, new Set([3]), { when })], deadLetters: limits(), until: 'caught-up' })
  expect(await lettersOf()).toEqual([`insert ${world.log.transactions[0]?.start} 3`])
  expect(a.lines).toEqual(linesBut(3))
})

test('a row of a copy that cannot be held is set aside, and the rest of its chunk is copied', async () => {
  world.insert(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
  const a = createMemoryStore()
  await world.run({}, { sinks: [picky(a, new Set([4]))], deadLetters: limits(), mode: 'both', until: 'caught-up' })
  expect(a.lines.filter((line) => line.startsWith('read')).map((line) => Number(line.split(' ')[2]))).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10])
  expect(await world.state.deadLetters.list()).toMatchObject([{ op: 'read', table: 'public.users', ordinal: null, code: 'SINK_VALUE' }])
})

test('in a log the later changes of a key wait, over a restart too, and are given again in order', async () => {
  const a = await begun()
  world.log.commit([
    { op: 'insert', table: users, row: [1] },
    { op: 'insert', table: users, row: [2] },
  ])
  const refused = new Set([1])
  await world.run({}, { sinks: [picky(a, refused)], deadLetters: limits(), until: 'caught-up' })
  world.log.commit([
    { op: 'delete', table: users, row: [1] },
    { op: 'delete', table: users, row: [2] },
  ])
  refused.clear()
  await world.run({}, { sinks: [picky(a, refused)], deadLetters: limits(), until: 'caught-up' })
  const [first, second] = world.log.transactions.map(({ start }) => start)
  expect(await lettersOf()).toEqual([`insert ${first} 0`, `delete ${second} 0 waits`])
  expect(a.lines).toEqual([`insert users ${first} 1`, `delete users ${second} 1`])

  const ids = (await world.state.deadLetters.list()).map(({ id }) => id)
  expect(await whileRunning({ sinks: [picky(a, refused)] }, (live) => live.retryLetters(ids.slice(0, 1)))).toBe(2)
  expect(a.lines.slice(2)).toEqual([`insert users ${first} 0`, `delete users ${second} 0`])
  expect(await lettersOf()).toEqual([])
  // What comes now waits for nobody.
  world.log.commit([{ op: 'insert', table: users, row: [1] }])
  await world.run({}, { sinks: [picky(a, refused)], deadLetters: limits(), until: 'caught-up' })
  expect(a.lines).toHaveLength(5)
})

test('it tells the time of day at which it was set aside', async () => {
  const a = await begun()
  const from = Date.now()
  world.insert(1)
  await world.run({}, { sinks: [picky(a, new Set([1]))], deadLetters: limits(), until: 'caught-up' })
  const [letter] = await world.state.deadLetters.list()
  expect(letter?.timeMs).toBeGreaterThanOrEqual(from)
  expect(letter?.timeMs).toBeLessThanOrEqual(Date.now())
})

test('what is refused again stays, with one attempt more', async () => {
  const a = await begun()
  world.insert(1, 2)
  const part = picky(a, new Set([1]))
  await world.run({}, { sinks: [part], deadLetters: limits(), until: 'caught-up' })
  const [letter] = await world.state.deadLetters.list()
  await expect(whileRunning({ sinks: [part] }, (live) => live.retryLetters([letter?.id ?? 0]))).rejects.toMatchObject({
    code: 'SINK_VALUE',
  })
  expect(await world.state.deadLetters.list()).toMatchObject([{ id: letter?.id, attempts: 2 }])
})

test('a sink that keeps the order of the log takes nothing later, and says what helps', async () => {
  const a = await begun()
  world.insert(1)
  const part = picky(a, new Set([1]), { takesLate: false })
  await world.run({}, { sinks: [part], deadLetters: limits(), until: 'caught-up' })
  const [letter] = await world.state.deadLetters.list()
  await expect(whileRunning({ sinks: [part] }, (live) => live.retryLetters([letter?.id ?? 0]))).rejects.toMatchObject({
    code: 'DEAD_LETTER_LATE',
  })
  expect(await lettersOf()).toHaveLength(1)
})

test('a dropped letter holds nothing back any more', async () => {
  const a = await begun()
  world.insert(1)
  const refused = new Set([1])
  const part = picky(a, refused)
  await world.run({}, { sinks: [part], deadLetters: limits(), until: 'caught-up' })
  refused.clear()
  const [letter] = await world.state.deadLetters.list()
  await whileRunning({ sinks: [part] }, async (live) => {
    await live.dropLetters([letter?.id ?? 0])
    world.log.commit([{ op: 'delete', table: users, row: [1] }])
    await until(() => a.lines.length > 0)
  })
  expect(a.lines).toEqual([`delete users ${world.log.transactions[1]?.start} 0`])
})

test('a table sink gets the row as it is now', async () => {
  const a = await begun()
  world.insert(1, 2)
  const refused = new Set([1])
  const part = { ...picky(a, refused), shape: 'tables' as const }
  await world.run({}, { sinks: [part], deadLetters: limits(), until: 'caught-up', mode: 'both' })
  // The change, and the row that the copy read.
  expect(await lettersOf()).toHaveLength(2)
  refused.clear()
  const ids = (await world.state.deadLetters.list()).map(({ id }) => id)
  expect(await whileRunning({ sinks: [part], mode: 'both' }, (live) => live.retryLetters(ids.slice(0, 1)))).toBe(2)
  expect([...a.rows.keys()].sort()).toEqual(['users 1', 'users 2'])
  expect(await lettersOf()).toEqual([])
})

test.each([
  { maxOpen: 2, maxAMinute: 100 },
  { maxOpen: 100, maxAMinute: 2 },
])('more than %o is no bad row here and there: the pipeline stops, and what lies aside is kept', async (few) => {
  const a = await begun()
  world.insert(1, 2, 3, 4, 5)
  const part = picky(a, new Set([1, 2, 3, 4, 5]))
  await expect(world.run({}, { sinks: [part], deadLetters: { ...limits(), ...few }, until: 'caught-up' })).rejects.toMatchObject({
    code: 'DEAD_LETTERS_FULL',
    kind: 'operator',
  })
  expect(await lettersOf()).toHaveLength(2)
  expect(a.lines).toEqual([])
})

test('without dead letters the first refusal stops the pipeline', async () => {
  const a = await begun()
  world.insert(1)
  await expect(world.run({}, { sinks: [picky(a, new Set([1]))] })).rejects.toMatchObject({ code: 'SINK_VALUE' })
})

/** Asks a running pipeline once it follows the log. */
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
