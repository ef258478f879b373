import { dirname, resolve } from 'node:path'
import { stat } from 'node:fs/promises'
import type { Batch, ControlBatch } from '../../contracts/batch.ts'
import type { Change } from '../../contracts/change.ts'
import type { Position } from '../../contracts/position.ts'
import type { Sink, SinkContext, SinkRecord } from '../../contracts/sink.ts'
import type { Row, Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { faultPoint } from '../../lib/fault-point.ts'
import { applyChanges } from './apply-changes.ts'
import { applyRows } from './apply-rows.ts'
import { openDatabase, openOnceFree } from './client.ts'
import type { DuckdbConfig } from './config.ts'
import { isOutOfMemory, toSinkError } from './errors.ts'
import { createFileLease } from './file-lease.ts'
import { beginGeneration, endGeneration } from './generation.ts'
import { ColumnTooNarrow } from './misfit.ts'
import { openRecords } from './records.ts'
import { scanTable } from './scan.ts'
import { prepareTable, type Session } from './session.ts'
import { widenColumn } from './widen-column.ts'

/** A transaction costs the same for one change as for thousands: several statements, and a wait for the disk. */
const BATCH_BYTES = 8 * 1024 * 1024

/** What did not fit into memory as one is applied in so many parts. */
const PIECES = 16

/**
 * Keeps tables equal to the source's. Exactly once, because rows, schema changes, position and chunks of one batch are
 * one DuckDB transaction: after a crash the position says exactly what the rows are.
 */
export function createDuckdbSink(config: DuckdbConfig, context: Pick<SinkContext, 'pipeline' | 'name' | 'baseDir' | 'log'>): Sink {
  const path = resolve(context.baseDir, config.path)
  let position: Position = ''
  /**
   * Where it was first opened: the core gives nothing twice after that, and the changes of a table without a key come after its copy,
   * from behind where the stream has come. So not where it stands, nor where the file was opened again between flushes.
   */
  let resumed: Position | null = null
  let chunks = new Set<string>()

  /** Tables of which it was said that they hold rows in part: once, however often the file is opened. */
  const incomplete = new Set<number>()
  const lease = createFileLease({ isShared: config.closeBetweenFlushes, open, close })

  async function open(signal: AbortSignal): Promise<Session> {
    await checkPath(context.name, path)
    const openNow = () => openDatabase(context.name, path, config)
    // A reader is let in, so it may be there when we come back; at the start it may as well be one who never leaves.
    const patienceMs = !config.closeBetweenFlushes ? 0 : resumed === null ? 5_000 : 60_000
    const database = await openOnceFree(openNow, { patienceMs, signal })
    try {
      return await openSession(database)
    } catch (error) {
      database[Symbol.dispose]()
      throw error
    }
  }

  async function openSession(database: Session['database']): Promise<Session> {
    const records = await openRecords(database, { pipeline: context.pipeline, sink: context.name })
    const opened: Session = {
      ...{ database, records, sink: context.name, pipeline: context.pipeline, onValue: config.onValue, log: context.log },
      ...{ tables: new Map(), prepared: new Map(), dirty: new Set(), changed: new Map(), pristine: new Map(), incomplete },
    }
    await reload(opened)
    const record = await records.load()
    position = record?.position ?? ''
    resumed ??= position
    chunks = new Set(record?.chunks)
    return opened
  }

  /** Closing would checkpoint too, but on the event loop. What it says is no loss: the log holds what it would have written. */
  async function close({ database }: Session): Promise<void> {
    await database.run('CHECKPOINT').catch(() => {})
    database[Symbol.dispose]()
  }

  async function guard<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw toSinkError(error, { sink: context.name, path })
    }
  }

  async function write(current: Session, batch: Batch): Promise<'durable'> {
    try {
      await writeWhole(current, batch, Infinity)
    } catch (error) {
      if (!isOutOfMemory(error) || batch.kind !== 'changes') throw error
      await reload(current)
      await writeWhole(current, batch, Math.ceil(batch.changes.length / PIECES))
    }
    position = batch.end
    if (batch.kind === 'rows' && batch.last) chunks.add(batch.chunk)
    return 'durable'
  }

  /** One transaction; `atOnce` changes are brought together in memory. */
  async function writeWhole(current: Session, batch: Batch, atOnce: number): Promise<void> {
    for (;;) {
      const narrow = await transact(current, () => apply(current, batch, atOnce))
      if (!narrow) return
      await widen(current, narrow)
    }
  }

  async function apply(current: Session, batch: Batch, atOnce: number): Promise<void> {
    const { records } = current
    // A new slot may stand earlier, on another server even: nothing of it was here before.
    if (resumed !== null && batch.end < resumed) resumed = ''
    if (batch.kind === 'changes')
      for (const piece of piecesOf(changesAfter(batch.changes, resumed ?? ''), atOnce)) await applyChanges(current, piece)
    else if (batch.kind === 'control') await applyControl(current, batch)
    // A finished chunk seen again before the position is older than what the stream brought since.
    else if (!chunks.has(batch.chunk) || batch.end >= position) await applyRows(current, batch)
    if (batch.kind === 'rows' && batch.last && !chunks.has(batch.chunk)) await records.addChunk(batch.chunk)
    await records.saveCheckpoint({ position: batch.end, carry: batch.carry })
  }

  return {
    batchBytes: BATCH_BYTES,
    async resume(): Promise<SinkRecord | null> {
      return guard(() => lease.use(({ records }) => records.load()))
    },
    write: (batch, signal) => guard(() => lease.use((current) => write(current, batch), signal)),
    // Each write is durable when it returns.
    async flush() {},
    async *scan(table: Table, keys: readonly Row[] | null, signal: AbortSignal) {
      const current = await guard(() => lease.take(signal))
      try {
        yield* scanTable(current, table, keys)
      } catch (error) {
        throw toSinkError(error, { sink: context.name, path })
      } finally {
        await lease.giveBack()
      }
    },
    [Symbol.asyncDispose]: () => lease.end(),
  }
}

async function applyControl(session: Session, batch: ControlBatch): Promise<void> {
  if (batch.event === 'schema') await prepareTable(session, batch.table)
  else if (batch.event === 'table-dropped') await markGone(session, batch.table)
  else if (batch.event === 'snapshot-begin') await beginGeneration(session, batch.table, batch)
  else if (batch.event === 'snapshot-end') {
    await endGeneration(session, batch.table)
    await session.records.endChunks(batch.chunk)
  }
}

async function markGone(session: Session, table: Table): Promise<void> {
  const stored = session.tables.get(table.id)
  if (!stored) return
  const left = { ...stored, gone: true, whole: false }
  session.tables.set(table.id, left)
  session.prepared.delete(table.id)
  await session.records.saveTable(left)
}

/** Null when committed; else what must be widened first. After any error ROLLBACK: a COMMIT then says all is well and keeps nothing. */
async function transact(session: Session, act: () => Promise<void>): Promise<ColumnTooNarrow | null> {
  const { database } = session
  session.dirty.clear()
  session.changed.clear()
  await database.run('BEGIN TRANSACTION')
  try {
    await act()
    faultPoint('duckdb-commit')
    await database.run('COMMIT')
    faultPoint('duckdb-committed')
    for (const [column, values] of session.changed) session.log.warn('sink.values.changed', { sink: session.sink, column, values })
    return null
  } catch (error) {
    await database.run('ROLLBACK').catch(() => {}) // the cause is `error`; without a transaction there is nothing to roll back
    if (!(error instanceof ColumnTooNarrow)) throw error
    await reload(session)
    return error
  }
}

/**
 * The table is brought to the version that met the value first, and widened then. Its position stays: the batch that
 * begins again finds the version it needs.
 */
async function widen(session: Session, narrow: ColumnTooNarrow): Promise<void> {
  const prepare = () => prepareTable(session, narrow.table).then(() => {})
  for (const act of [prepare, () => widenColumn(session, narrow)]) {
    if (await transact(session, act)) throw new MillraceError('BUG', { reason: 'a widened column is too narrow' })
  }
  await reload(session)
}

/** What is committed is what is known. */
async function reload(session: Session): Promise<void> {
  session.tables = new Map((await session.records.loadTables()).map((table) => [table.id, table]))
  session.prepared.clear()
  session.pristine.clear()
}

/**
 * Changes not yet contained in `position` (contracts/position.ts): a batch may come again, cut at other places. They
 * come in log order, so only the first ones can be settled.
 */
export function changesAfter(changes: readonly Change[], position: Position): readonly Change[] {
  const first = changes.findIndex((change) => !isSettled(change, position))
  return first === 0 ? changes : first < 0 ? [] : changes.slice(first)
}

function* piecesOf(changes: readonly Change[], size: number): Generator<readonly Change[]> {
  for (let start = 0; start < changes.length; start += size) yield size >= changes.length ? changes : changes.slice(start, start + size)
}

function isSettled(change: Change, position: Position): boolean {
  const at = change.op === 'message' && change.tx === null ? change.position : (change.tx?.position ?? '')
  if (position.length === at.length || !position.startsWith(at)) return at < position
  return change.ordinal <= Number.parseInt(position.slice(at.length + 1), 16)
}

export async function checkPath(sink: string, path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) throw new MillraceError('SINK_PATH_IS_FOLDER', { sink, path })
  const folder = await stat(dirname(path)).catch(() => null)
  if (!folder?.isDirectory()) throw new MillraceError('SINK_PATH_MISSING', { sink, path })
}
