import { expect, test } from 'vitest'
import type { Batch } from '../contracts/batch.ts'
import type { Sink } from '../contracts/sink.ts'
import type { Row } from '../contracts/table.ts'
import type { Transform } from '../contracts/transform.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createNative } from '../formats/native/native.ts'
import { batchOf, insertOf, sampleColumn, sampleTable, userRow, usersTable } from '../testing/fixtures.ts'
import { createMemoryLog } from '../testing/memory-source.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import { scriptStep } from '../transforms/script/script-step.ts'
import { hastyClock, useWorld } from './pipeline.fixture.ts'
import type { PipelineOptions } from './pipeline.ts'
import { createDeadLetterBook } from './dead-letter-book.ts'
import { createDeadLetterGuard } from './dead-letter-guard.ts'
import { createTransformation } from './transformation.ts'

const world = useWorld()
const limits = () => ({ store: world.state.deadLetters, maxOpen: 100, maxAMinute: 100, words: createNative() })
const refusal = () => new MillraceError('SINK_VALUE', { sink: 'a', table: 'public.users', column: 'id', type: 'int' })
const idsOf = (batch: Batch): number[] => {
  const rows: Row[] =
    batch.kind === 'rows'
      ? [...batch.rows()]
      : batch.kind === 'changes'
        ? batch.changes.flatMap((change) => ('before' in change ? [change.after ?? change.before ?? []] : []))
        : []
  return rows.map((row) => Number(row[0]))
}

type Made = (sink: Sink, context: { failed(error: unknown): void }) => Partial<Sink>

function part(store: MemoryStore, made: Made, more: Partial<PipelineOptions['sinks'][number]> = {}): PipelineOptions['sinks'][number] {
  return {
    name: 'a',
    keepsRecord: store.keepsRecord,
    shape: 'changes',
    takesLate: true,
    open: async (context) => {
      const sink = createMemorySink(store)
      return { ...sink, ...made(sink, context) }
    },
    ...more,
  }
}

/** Refuses some ids when it is given them. */
const refusing =
  (refused: ReadonlySet<number>): Made =>
  (sink) => ({
    async write(batch, signal) {
      if (idsOf(batch).some((id) => refused.has(id))) throw refusal()
      return sink.write(batch, signal)
    },
  })

/** Takes everything, and says first by itself and then where it is flushed that it cannot hold some ids. */
const refusingByItself =
  (refused: ReadonlySet<number>, rejects = true): Made =>
  (sink, context) => {
    let isBad = false
    return {
      async write(batch, signal) {
        isBad ||= idsOf(batch).some((id) => refused.has(id))
        return sink.write(batch, signal)
      },
      async flush(signal) {
        if (isBad) {
          context.failed(refusal())
          if (rejects) throw refusal()
        }
        await sink.flush(signal)
      },
    }
  }

async function begun(options: { keepsRecord?: boolean } = {}) {
  const a = createMemoryStore(options)
  await world.begin({ a })
  a.lines.length = 0
  return a
}

test('pieces of one change: those behind the one that is refused are not skipped', async () => {
  const thrice: Transform = {
    splits: true,
    table: (table) =>
      scriptStep(table, {
        module: 'script',
        call: (each) => [0, 1, 2].map((nth) => ({ ...each, after: each.after && { ...each.after, id: Number(each.after.id) * 10 + nth } })),
      }),
  }
  const transforms = createTransformation([thrice], { keyNeededBy: null })
  const a = await begun()
  world.insert(1, 2, 3)
  const summary = await world.run({}, { transforms, sinks: [part(a, refusing(new Set([21])))], deadLetters: limits(), until: 'caught-up' })
  expect(summary.deadLetters).toBe(1)
  expect([...a.rows.values()].map(([id]) => id)).toEqual([10, 11, 12, 20, 22, 30, 31, 32])
  expect(a.lines).toHaveLength(8)
})

test('too many stop the pipeline also where the sink says by itself what it refuses', async () => {
  const a = await begun({ keepsRecord: false })
  world.insert(1, 2, 3, 4, 5)
  const sinks = [part(a, refusingByItself(new Set([1, 2, 3, 4, 5])))]
  const running = world.run({}, { sinks, deadLetters: { ...limits(), maxOpen: 2 }, until: 'caught-up' })
  await expect(running).rejects.toMatchObject({ code: 'DEAD_LETTERS_FULL' })
})

test('a change without a key that could name it stops the pipeline, and is not sought for ever', async () => {
  const keyless = sampleTable('users', [sampleColumn('id', { kind: 'int32' }, { nullable: false })], { key: [] })
  world.log = createMemoryLog({ tables: [keyless] })
  world.log.commit([1, 2, 3].map((id) => ({ op: 'insert', table: keyless, row: [id] })))
  const a = createMemoryStore({ keepsRecord: false })
  const sinks = [part(a, refusingByItself(new Set([2])))]
  await expect(world.run({}, { sinks, deadLetters: limits(), mode: 'both', until: 'caught-up' })).rejects.toMatchObject({
    code: 'SINK_VALUE',
  })
})

test('no row of a copy is blamed for another: refused where it is flushed', async () => {
  world.insert(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
  const a = createMemoryStore()
  const made: Made = (sink) => {
    let isBad = false
    return {
      async write(batch, signal) {
        isBad ||= idsOf(batch).includes(4)
        return sink.write(batch, signal)
      },
      async flush(signal) {
        if (isBad) throw refusal()
        await sink.flush(signal)
      },
    }
  }
  const end = await world
    .run({}, { sinks: [part(a, made)], deadLetters: limits(), mode: 'both', until: 'caught-up' })
    .catch((error: MillraceError) => error.code)
  const letters = await world.state.deadLetters.list()
  expect(letters.filter(({ key }) => key !== '{"id":4}')).toEqual([])
  expect(end).toBe('SINK_VALUE')
})

test('what is sought and never found is an error in the end', async () => {
  const cause = refusal()
  const open = async () => {
    throw new MillraceError('DEAD_LETTER_SOUGHT', { sink: 'a', code: 'SINK_VALUE' }, { cause })
  }
  const a = createMemoryStore()
  await expect(world.run({}, { sinks: [part(a, () => ({}), { open })], deadLetters: limits() })).rejects.toBe(cause)
})

test('a sink that fails to flush before letters are given again is opened anew', async () => {
  const store = createMemoryStore()
  const book = createDeadLetterBook(limits(), hastyClock)
  const guard = createDeadLetterGuard({ sink: 'a', keepsRecord: true, shape: 'changes', book, warn() {} })
  const failures: unknown[] = []
  const sink = guard.open(createMemorySink(store), (error) => failures.push(error))
  await sink.write(batchOf(1, insertOf(usersTable(), userRow(1))), new AbortController().signal)
  const lost = new MillraceError('SINK_UNAVAILABLE', { sink: 'a', path: 'b', reason: 'gone' })
  store.reject('flush', lost)
  await expect(sink.retry([])).rejects.toBe(lost)
  expect(failures).toEqual([lost])
})

test('under a new slot nothing is given again before the sink stands somewhere on it', async () => {
  const store = createMemoryStore()
  store.record = { position: '9', carry: '', chunks: [] }
  const book = createDeadLetterBook(limits(), hastyClock)
  const sink = createDeadLetterGuard({ sink: 'a', keepsRecord: true, shape: 'changes', book, warn() {} }).open(
    createMemorySink(store),
    () => {},
  )
  await sink.resume()
  expect(await sink.retry([])).toBe(undefined)
  await sink.beginAnew?.()
  await expect(sink.retry([])).rejects.toMatchObject({ code: 'DEAD_LETTER_BUSY' })
  await sink.write(batchOf(1, insertOf(usersTable(), userRow(1))), new AbortController().signal)
  expect(await sink.retry([])).toBe(undefined)
})

test('a description that has the sink write what came before it is not blamed for that', async () => {
  const made: Made = (sink) => {
    let isBad = false
    return {
      async write(batch, signal) {
        isBad ||= idsOf(batch).includes(2)
        if (isBad && batch.kind === 'control') throw refusal()
        return sink.write(batch, signal)
      },
      async flush(signal) {
        if (isBad) throw refusal()
        await sink.flush(signal)
      },
    }
  }
  const store = createMemoryStore()
  const book = createDeadLetterBook(limits(), hastyClock)
  const guard = createDeadLetterGuard({ sink: 'a', keepsRecord: true, shape: 'changes', book, warn() {} })
  const signal = new AbortController().signal
  const open = () => guard.open({ ...createMemorySink(store), ...made(createMemorySink(store), { failed() {} }) }, () => {})
  const sink = open()
  const change = insertOf(usersTable(), userRow(2))
  const table = usersTable()
  await sink.write(batchOf(1, change), signal)
  const schema: Batch = { kind: 'control', event: 'schema', table, previous: null, log: '', end: '2', carry: '', audience: null }
  await expect(sink.write(schema, signal)).rejects.toMatchObject({ code: 'DEAD_LETTER_SOUGHT' })
  await expect(open().write(batchOf(1, change), signal)).rejects.toMatchObject({ code: 'DEAD_LETTER_MADE' })
})
