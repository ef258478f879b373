import { openEncoderPool } from '../../codecs/parquet/encoder-pool.ts'
import type { Misfit } from '../../codecs/parquet/schema.ts'
import type { WriterOptions } from '../../codecs/parquet/writer.ts'
import type { Batch } from '../../contracts/batch.ts'
import type { Sink, SinkContext } from '../../contracts/sink.ts'
import type { Table } from '../../contracts/table.ts'
import { createBudget } from './budget.ts'
import { createChangeFiles } from './change-files.ts'
import { furthestOf, newestOf, resumeFrom, type CheckpointOptions, type ParquetRecord } from './checkpoints.ts'
import { createLedger } from './ledger.ts'
import { asideFolder } from './names.ts'
import { refuseReserved } from './refuse-reserved.ts'
import { createSaver } from './saver.ts'
import { createSnapshotFiles } from './snapshot-files.ts'
import type { Store } from './store.ts'

export type ParquetOptions = Pick<SinkContext, 'pipeline' | 'name' | 'state' | 'durable' | 'failed' | 'log'> & {
  store: Store
  /** The sink's own folder under `.millrace`. */
  owner: string
  writer: WriterOptions
  threads: number
  misfit: Misfit
  rollSize: number
  rollAfterMs: number
  now?: () => number
}

/** Asked for at once, where changes wait: columns are made of more than a few. */
const BATCH_BYTES = 512 * 1024
/** On their way through the encoders and to the store, on the wire: what they decode to weighs a few times as much. */
const IN_FLIGHT_BYTES = 12 * 1024 * 1024
/** Of them, in the threads. */
const ENCODING_BYTES = 8 * 1024 * 1024
/** Row groups are closed at this size: what a file in the making keeps in a thread's memory. */
const ROW_GROUP_BYTES = 8 * 1024 * 1024

/**
 * Files of Parquet, one folder a table: the chunks of its snapshot, and its changes.
 *
 * Exactly-once, by this order: a file is written whole and made durable under a name that says where it begins, and only if no file
 * has that name; then the record is saved, of what is durable over all tables; then it is reported. A crash in between leaves
 * files beyond the record. They are found when their table comes up again, and the changes in them are passed over.
 */
export function createParquetSink(options: ParquetOptions): Sink {
  const { store, name: sink, pipeline, state } = options
  const now = options.now ?? Date.now
  const checkpoints: CheckpointOptions = { sink, pipeline, store, state }
  const ledger = createLedger()
  const pool = openEncoderPool({ threads: options.threads, inFlightBytes: ENCODING_BYTES })
  const own: ParquetRecord = { reading: crypto.randomUUID(), tables: {}, generations: {} }
  let failure: { error: unknown } | null = null
  let isOver = false
  /** Ends the call under way. */
  let interrupt: ((error: unknown) => void) | null = null
  let timer: NodeJS.Timeout | null = null
  const swept = new Map<string, Promise<void>>()

  const saver = createSaver({ ledger, state, own, durable: options.durable, failed })
  const budget = createBudget(IN_FLIGHT_BYTES)
  const writer = { ...options.writer, rowGroupBytes: Math.min(ROW_GROUP_BYTES, options.rollSize) }
  const files = {
    store,
    pool,
    options: writer,
    budget,
    misfits,
    failed,
    ledger,
    misfit: options.misfit,
    rollSize: options.rollSize,
    metadata,
  }
  const changes = createChangeFiles({
    ...files,
    sink,
    rollAfterMs: options.rollAfterMs,
    now,
    held,
    finished(folder, { name: file, to }) {
      own.tables[folder] = { file, to }
      saver.save()
    },
  })
  const snapshots = createSnapshotFiles({ ...files, owner: options.owner, generations: own.generations, sweep, finished: saver.save })

  return {
    resume,
    beginAnew,
    furthest: () => furthestOf(checkpoints, own),
    write,
    flush,
    batchBytes: BATCH_BYTES,
    get hasPending() {
      return ledger.isBehind || saver.isSaving
    },
    [Symbol.asyncDispose]: dispose,
  }

  async function resume() {
    const { record, own: known } = await resumeFrom(checkpoints)
    // The first time: what cannot be written is told before anything is made in the source.
    if (known === null) await store.check()
    else {
      own.reading = known.reading
      Object.assign(own.tables, known.tables)
      Object.assign(own.generations, known.generations)
    }
    saver.begin(record)
    return record
  }

  async function beginAnew(): Promise<void> {
    own.reading = crypto.randomUUID()
    own.tables = {}
    saver.begin(null)
  }

  function failed(error: unknown): void {
    if (isOver) return
    isOver = true
    failure = { error }
    interrupt?.(error)
    options.failed(error)
  }

  function misfits(path: string, counts: Readonly<Record<string, number>>): void {
    options.log.warn('misfits', { sink, path: `${store.place}/${path}`, policy: options.misfit, values: counts })
  }

  async function write(batch: Batch): Promise<'accepted'> {
    if (failure !== null) throw failure.error
    ledger.begin()
    await take(batch)
    ledger.end(batch)
    saver.save()
    watchAge()
    const room = budget.room()
    if (room !== null) await orFailure(room)
    return 'accepted'
  }

  /** Or throws as soon as anything failed. Not `Promise.race`: on a promise that stays open it leaves a handler for each call. */
  async function orFailure(work: Promise<unknown>): Promise<void> {
    if (failure !== null) throw failure.error
    try {
      await new Promise((resolve, reject) => {
        interrupt = reject
        work.then(resolve, reject)
      })
    } finally {
      interrupt = null
    }
  }

  async function take(batch: Batch): Promise<void> {
    if (batch.kind === 'changes') return changes.add(batch.changes, batch.bytes)
    if (batch.kind === 'rows') return snapshots.rows(batch)
    if (batch.event === 'snapshot-begin') return snapshots.begin(batch)
    if (batch.event === 'snapshot-end') return snapshots.end(batch)
    if (batch.event === 'schema') refuseReserved(sink, batch.table)
    if (batch.event !== 'table-dropped') return
    changes.leave(batch.table)
    await snapshots.leave(batch.table)
  }

  async function flush(): Promise<void> {
    await orFailure(Promise.all([changes.finishAll(), snapshots.finishAll()]))
    await orFailure(saver.idle())
  }

  /** A quiet table's file must not wait for the next change. */
  function watchAge(): void {
    const due = changes.nextAge()
    if (timer !== null || due === null || isOver) return
    timer = setTimeout(finishOld, Math.max(1, due - now()))
  }

  async function finishOld(): Promise<void> {
    await changes.finishOld()
    timer = null
    watchAge()
  }

  async function held(folder: string) {
    await sweep(folder)
    const known = own.tables[folder] ?? null
    const newest = await newestOf(checkpoints, folder, known)
    if (newest !== null) return { to: newest.to, isOfThisLog: newest.reading === own.reading }
    return known === null ? null : { to: known.to, isOfThisLog: true }
  }

  /** Once a table, before anything of it is written. Only where the sink writes: archives lie in the same folder. */
  function sweep(folder: string): Promise<void> {
    let sweeping = swept.get(folder)
    if (sweeping === undefined) swept.set(folder, (sweeping = sweepOwn(folder)))
    return sweeping
  }

  async function sweepOwn(folder: string): Promise<void> {
    await Promise.all([`${folder}/changes`, `${folder}/snapshot`, asideFolder(options.owner, folder)].map(store.sweep))
  }

  function metadata(table: Table): Record<string, string> {
    const { position, carry } = saver.saved ?? { position: '', carry: '' }
    return {
      'millrace.pipeline': pipeline,
      'millrace.table': JSON.stringify([table.schema, table.name]),
      'millrace.table-version': table.version,
      'millrace.columns': JSON.stringify(
        table.columns.map((column) => ({ name: column.name, type: column.type, source: column.sourceType })),
      ),
      'millrace.key': JSON.stringify(table.key.map((at) => table.columns[at]?.name)),
      'millrace.reading': own.reading,
      'millrace.settled': position,
      'millrace.carry': carry,
    }
  }

  async function dispose(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    isOver = true
    // Nothing more is called durable; what is being finished may be finished: it is found again.
    await Promise.all([changes.abandon(), snapshots.abandon()])
    await saver.idle().catch(() => {}) // told by `failed`
    await pool[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  }
}
