import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Batch } from '../contracts/batch.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import type { ScriptChange, ScriptRow, Transform } from '../contracts/transform.ts'
import type { TransformDefinition } from '../contracts/definition.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { openSqliteState } from '../state/sqlite/state-store.ts'
import { sampleColumn, sampleTable } from '../testing/fixtures.ts'
import { createMemorySink, createMemoryStore, type MemoryStore } from '../testing/memory-sink.ts'
import { createMemoryLog, createMemorySource, type MemoryChange, type MemoryLog } from '../testing/memory-source.ts'
import { createTableModel } from '../testing/table-model.ts'
import { definition as drop } from '../transforms/drop/definition.ts'
import { definition as filter } from '../transforms/filter/definition.ts'
import { definition as mask } from '../transforms/mask/definition.ts'
import { definition as rename } from '../transforms/rename/definition.ts'
import { scriptStep } from '../transforms/script/script-step.ts'
import { definition as select } from '../transforms/select/definition.ts'
import { hastyClock, silentLog } from './pipeline.fixture.ts'
import type { PipelineOptions } from './pipeline.ts'
import { runPipeline } from './run-pipeline.ts'
import { createTransformation } from './transformation.ts'
import { rowsThrough } from './transformed-source.ts'

/**
 * Pipelines with transforms that fail, are drained and killed while rows come, move in and out of filters, change their keys and leave
 * large values unsent: at the end each sink holds what the transforms make of the source's rows.
 */
type Step =
  | { act: 'write'; changes: { id: number; to: number; status: string; note: string; kind: 'put' | 'move' | 'delete' }[] }
  | { act: 'fail'; verb: 'reject' | 'failAfter' }
  | { act: 'batch'; changes: number }
  | { act: 'run'; turns: number; how: 'drain' | 'kill' }
  | { act: 'catch up' }

const id = fc.nat(7)
const change = fc.record({
  ...{ id, to: id, status: fc.constantFrom('a', 'b', 'c'), note: fc.constantFrom('x', 'y') },
  kind: fc.constantFrom('put' as const, 'put' as const, 'move' as const, 'delete' as const),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ act: fc.constant('write' as const), changes: fc.array(change, { minLength: 1, maxLength: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constant('fail' as const), verb: fc.constantFrom('reject' as const, 'failAfter' as const) }),
  },
  fc.record({ act: fc.constant('batch' as const), changes: fc.integer({ min: 1, max: 4 }) }),
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constant('run' as const), turns: fc.nat(30), how: fc.constantFrom('drain' as const, 'kill' as const) }),
  },
  fc.record({ act: fc.constant('catch up' as const) }),
)

const make = (definition: TransformDefinition, given: object): Transform =>
  definition.create(definition.config.parse(given), { name: 'transforms[0]', baseDir: '/' }) as Transform // none of these is asynchronous
const scripted = (call: (change: ScriptChange) => unknown): Transform => ({
  splits: true,
  table: (table) => scriptStep(table, { module: 'script', call }),
})

/** Each row becomes two, under keys of their own. */
const splitting = scripted((each) => {
  const mapped = (row: ScriptRow | null, nth: number) => row && ('id' in row ? { ...row, id: Number(row.id) * 2 + nth } : row)
  return [0, 1].map((nth) => ({
    ...each,
    after: mapped(each.after, nth),
    before: mapped(each.before, nth),
    oldKey: mapped(each.oldKey, nth),
  }))
})

const CHOICES: Record<string, () => Transform> = {
  'filter by status': () => make(filter, { where: { status: { eq: 'a' } } }),
  'filter by what may not be sent': () => make(filter, { where: { note: { eq: 'x' } } }),
  'filter by key': () => make(filter, { where: { id: { ge: 3 } } }),
  'hash of the key': () => make(mask, { columns: ['id'], how: 'hash', salt: 'a salt of many letters' }),
  'masked note': () => make(mask, { columns: ['note'], how: 'keep-last', keep: 1 }),
  rename: () => make(rename, { to: 'b.${table}s', columns: { note: 'remark' } }),
  split: () => splitting,
  'drop status': () => make(drop, { columns: ['status'] }),
  'select key and note': () => make(select, { columns: ['id', 'note'] }),
}
/** Each at its place at most once: those behind may ask for columns that are still there. */
const chain = fc.subarray(Object.keys(CHOICES), { minLength: 1 }).map((names) => {
  const has = (name: string) => names.includes(name)
  const fitting = names.filter((name) => {
    if (name === 'split') return !has('hash of the key')
    return name !== 'select key and note' || !(has('drop status') || has('rename'))
  })
  return fitting.map((name) => ({ name, make: CHOICES[name]! }))
})

async function live(steps: readonly Step[], transforms: readonly Transform[], table: Table) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-transforms-'))
  const state = await openSqliteState(join(folder, 'x.db'), { pipeline: 'x' })
  const log = createMemoryLog({ tables: [table], chunkRows: 2 })
  const store = createMemoryStore({ answer: 'durable' })
  const start = (signal: AbortSignal, options: Partial<PipelineOptions>) =>
    runPipeline({
      name: 'x',
      slotName: 'x',
      source: async () => createMemorySource(log),
      sinks: [{ name: 's', keepsRecord: true, open: async () => createMemorySink(store) }],
      transforms: createTransformation(transforms, { keyNeededBy: 's' }),
      state,
      mode: 'both',
      snapshot: { chunkBytes: 1, parallel: 2 },
      batch: { maxBytes: 1000, maxWaitMs: 2 },
      report: () => {},
      log: silentLog,
      signal,
      clock: hastyClock,
      ...options,
    })
  try {
    for (const each of steps) await take(each, { log, store, table, start })
    await start(new AbortController().signal, { until: 'caught-up' })
    return { log, store }
  } finally {
    await state[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }
}

type World = {
  log: MemoryLog
  store: MemoryStore
  table: Table
  start(signal: AbortSignal, options: Partial<PipelineOptions>): Promise<unknown>
}

async function take(each: Step, { log, store, table, start }: World): Promise<void> {
  switch (each.act) {
    case 'write':
      return write(log, table, each.changes)
    case 'fail':
      return store[each.verb]('write', new MillraceError('SINK_IO', { sink: 's', path: 'p', reason: 'planned' }))
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
    }
  }
}

/** One transaction: each change as the rows that are there allow it. */
function write(log: MemoryLog, table: Table, changes: (Step & { act: 'write' })['changes']): void {
  const rows = new Map(log.rows(table).map((row) => [row[0], row]))
  const written = changes.flatMap(({ id: key, to, status, note, kind }): MemoryChange[] => {
    const old = rows.get(key)
    const target = kind === 'move' ? to : key
    if ((kind === 'move' && (!old || target === key || rows.has(target))) || (kind === 'delete' && !old)) return []
    rows.delete(key)
    if (kind === 'delete') return [{ op: 'delete', table, row: table.identity === 'full' ? old! : [key, UNCHANGED, UNCHANGED] }]
    const row: Row = [target, status, note]
    rows.set(target, row)
    return [old ? { op: 'update', table, row, old, large: [2] } : { op: 'insert', table, row }]
  })
  if (written.length > 0) log.commit(written)
}

/** What a sink of shape `tables` makes of what it was given. */
function heldBy(store: MemoryStore, table: Table): Row[] {
  const model = createTableModel()
  for (const batch of store.writes as readonly Batch[]) model.apply(batch)
  return model.rows(table)
}

const sorted = (rows: readonly Row[]) => rows.map((row) => row.map(String).join()).sort()

test('the sink holds what the transforms make of the rows of the source, however its life went', { timeout: 300_000 }, async () => {
  const lives = { steps: fc.array(step, { maxLength: 20 }), chain, identity: fc.constantFrom('key' as const, 'full' as const) }
  await fc.assert(
    fc.asyncProperty(lives.steps, lives.chain, lives.identity, async (steps, chosen, identity) => {
      const columns = [
        sampleColumn('id', { kind: 'int32' }, { id: 1, nullable: false }),
        sampleColumn('status', { kind: 'text', name: 'text' }, { id: 2 }),
        sampleColumn('note', { kind: 'text', name: 'text' }, { id: 3 }),
      ]
      const table = sampleTable('order', columns, { identity })
      const transforms = chosen.map((each) => each.make())
      const { log, store } = await live(steps, transforms, table)
      const expected = createTransformation(transforms, { keyNeededBy: null }).chain(table)
      expect(sorted(heldBy(store, expected.to))).toEqual(sorted(rowsThrough(expected, log.rows(table))))
      // Nothing twice and in order: (position, ordinal) of what was written only grows.
      const places = store.writes
        .flatMap((batch) => (batch.kind === 'changes' ? batch.changes : []))
        .map(({ tx, ordinal }) => `${tx?.position} ${String(ordinal).padStart(12, '0')}`)
      expect(places).toEqual([...new Set(places)].sort())
    }),
    { numRuns: Number(process.env.MILLRACE_RUNS ?? 60) },
  )
})
