import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MillraceError } from '../errors/millrace-error.ts'
import { openSqliteState } from '../state/sqlite/state-store.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import { createMemoryLog, createMemorySource, type MemoryLog } from '../testing/memory-source.ts'
import { hastyClock, silentLog, users } from './pipeline.fixture.ts'
import type { PipelineOptions, SpoolSettings } from './pipeline.ts'
import { runPipeline } from './run-pipeline.ts'

/**
 * Pipelines that live a hard life: transactions of all sizes, sinks that fail before and after their work, passingly or for good, connections
 * that break, runs that are drained and killed. However it went, at the end each sink holds each change exactly once and in order
 * (at least once where it keeps no record of its own). The same where sinks that fail are set aside, and what lies on disk for them is torn by kills.
 */
type Step =
  | { act: 'commit'; ids: number[]; isDelete: boolean }
  | { act: 'fault'; sink: number; verb: 'reject' | 'failAfter'; at: 'write' | 'flush' | 'resume'; isTransient: boolean }
  | { act: 'break' }
  | { act: 'advance' }
  | { act: 'batch'; changes: number }
  | { act: 'run'; turns: number; how: 'drain' | 'kill' }
  | { act: 'catch up' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant('commit' as const),
      ids: fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 7 }),
      isDelete: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('fault' as const),
      sink: fc.nat(2),
      verb: fc.constantFrom('reject' as const, 'failAfter' as const),
      at: fc.constantFrom('write' as const, 'flush' as const, 'resume' as const),
      isTransient: fc.boolean(),
    }),
  },
  fc.record({ act: fc.constant('break' as const) }),
  fc.record({ act: fc.constant('advance' as const) }),
  fc.record({ act: fc.constant('batch' as const), changes: fc.integer({ min: 1, max: 4 }) }),
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('run' as const),
      turns: fc.nat(30),
      how: fc.constantFrom('drain' as const, 'kill' as const),
    }),
  },
  fc.record({ act: fc.constant('catch up' as const) }),
)

type Shape = { mode: 'stream' | 'both'; spool: 'none' | 'roomy' | 'tight' }

async function live({ mode, spool }: Shape, steps: readonly Step[], answers: readonly ('accepted' | 'durable')[]) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-model-'))
  const state = await openSqliteState(join(folder, 'x.db'), { pipeline: 'x' })
  const log = createMemoryLog({ tables: [users], chunkRows: 2 })
  // The last one keeps no record: at-least-once.
  const stores = answers.map((answer, at) => createMemoryStore({ answer, keepsRecord: at < 2 }))
  const start = (signal: AbortSignal, options: Partial<PipelineOptions>) =>
    runPipeline({
      name: 'x',
      slotName: 'x',
      source: async () => createMemorySource(log),
      sinks: stores.map((store, at) => ({ name: `s${at}`, keepsRecord: store.keepsRecord, open: async () => createMemorySink(store) })),
      state,
      mode,
      snapshot: { chunkBytes: 1, parallel: 2 },
      batch: { maxBytes: 1000, maxWaitMs: 2 },
      report: () => {},
      log: silentLog,
      ...(spool !== 'none' && { spool: spoolIn(folder, spool === 'roomy' ? 1_000_000 : 4000) }),
      signal,
      clock: hastyClock,
      ...options,
    }).catch((error: MillraceError) => {
      if (error.code !== 'BUG' || error.fields.reason !== 'planned') throw error
    })

  try {
    if (mode === 'stream') await start(new AbortController().signal, { until: 'caught-up' })
    for (const each of steps) await take(each, { log, stores, start, tear: () => tearTails(join(folder, 'spool')) })
    for (const store of stores) store.heal()
    await start(new AbortController().signal, { until: 'caught-up' })
    return { log, stores }
  } finally {
    await state[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }
}

const spoolIn = (folder: string, maxBytes: number): SpoolSettings => ({
  folderOf: (sink) => join(folder, 'spool', sink),
  maxBytes,
  whenFull: 'block',
  patienceMs: 60_000,
})

/** What a write that a crash cut leaves behind. */
function tearTails(folder: string): void {
  for (const sink of existsSync(folder) ? readdirSync(folder) : []) {
    const last = readdirSync(join(folder, sink)).sort().at(-1)
    if (last !== undefined) appendFileSync(join(folder, sink, last), Buffer.from([40, 0, 0, 0, 1, 2, 3, 4, 2, 9, 9]))
  }
}

type World = {
  log: MemoryLog
  stores: MemoryStore[]
  tear(): void
  start(signal: AbortSignal, options: Partial<PipelineOptions>): Promise<unknown>
}

async function take(each: Step, { log, stores, start, tear }: World): Promise<void> {
  switch (each.act) {
    case 'commit':
      log.commit(each.ids.map((id) => ({ op: each.isDelete ? 'delete' : 'insert', table: users, row: [id] })))
      return
    case 'fault': {
      const error = each.isTransient
        ? new MillraceError('SINK_IO', { sink: 's', path: 'p', reason: 'planned' })
        : new MillraceError('BUG', { reason: 'planned' })
      stores[each.sink]?.[each.verb](each.at, error)
      return
    }
    case 'break':
      return log.breakConnection()
    case 'advance':
      return log.advance()
    case 'batch':
      log.batchChanges = each.changes
      return
    case 'catch up':
      await start(new AbortController().signal, { until: 'caught-up' })
      return
    case 'run': {
      const [drain, abort] = [new AbortController(), new AbortController()]
      const running = start(drain.signal, { abort: abort.signal })
      for (let turn = 0; turn < each.turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (each.how === 'kill') abort.abort()
      drain.abort()
      await running
      if (each.how === 'kill') tear()
    }
  }
}

const lives = {
  steps: fc.array(step, { maxLength: 25 }),
  answers: fc.array(fc.constantFrom('accepted' as const, 'durable' as const), { minLength: 3, maxLength: 3 }),
}

const spools = ['none', 'roomy', 'tight'] as const

test.each(spools)('each sink holds each change once and in order, however its life went (spool: %s)', async (spool) => {
  await fc.assert(
    fc.asyncProperty(lives.steps, lives.answers, async (steps, answers) => {
      const { log, stores } = await live({ mode: 'stream', spool }, steps, answers)
      const expected = log.transactions.flatMap(({ changes }) =>
        changes.map((change) => `${change.op} users ${change.tx?.position} ${change.ordinal}`),
      )
      for (const store of stores) {
        expect(store.keepsRecord ? store.lines : [...new Set(store.lines)]).toEqual(expected)
        if (store.keepsRecord) expect([...store.durablePositions].sort()).toEqual(store.durablePositions)
      }
      // Acknowledged in order, and nothing past what both hold.
      expect([...log.acknowledged].sort()).toEqual(log.acknowledged)
    }),
    { numRuns: 60, timeout: 15_000 },
  )
})

test.each(spools)('copying while all this goes on, each sink ends with the rows of the source (spool: %s)', async (spool) => {
  await fc.assert(
    fc.asyncProperty(lives.steps, lives.answers, async (steps, answers) => {
      const { log, stores } = await live({ mode: 'both', spool }, steps, answers)
      const expected = log.rows(users).map((row) => `users ${String(row[0])}`)
      for (const store of stores) expect([...store.rows.keys()].sort()).toEqual(expected.sort())
    }),
    { numRuns: 60, timeout: 15_000 },
  )
})
