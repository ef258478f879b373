import { dirname, resolve } from 'node:path'
import { stat } from 'node:fs/promises'
import type { Batch, ControlBatch } from '../../contracts/batch.ts'
import type { Change } from '../../contracts/change.ts'
import type { Position } from '../../contracts/position.ts'
import type { Sink, SinkContext, SinkRecord } from '../../contracts/sink.ts'
import type { Row, Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { applyChanges } from './apply-changes.ts'
import { applyRows } from './apply-rows.ts'
import { openDatabase } from './client.ts'
import type { DuckdbConfig } from './config.ts'
import { toSinkError } from './errors.ts'
import { beginGeneration, endGeneration } from './generation.ts'
import { ColumnTooNarrow } from './misfit.ts'
import { openRecords } from './records.ts'
import { scanTable } from './scan.ts'
import { prepareTable, type Session } from './session.ts'
import { widenColumn } from './widen-column.ts'

/** A transaction costs the same for one change as for thousands: several statements, and a wait for the disk. */
const BATCH_BYTES = 2 * 1024 * 1024

/**
 * Keeps tables equal to the source's. Exactly once, because rows, schema changes, position and chunks of one batch are
 * one DuckDB transaction: after a crash the position says exactly what the rows are.
 */
export function createDuckdbSink(config: DuckdbConfig, context: Pick<SinkContext, 'pipeline' | 'name' | 'baseDir' | 'log'>): Sink {
  const path = resolve(context.baseDir, config.path)
  let session: Session | null = null
  let position: Position = ''
  /**
   * Where it was first opened: the core gives nothing twice after that, and the changes of a table without a key come after its copy,
   * from behind where the stream has come. So not where it stands, nor where the file was opened again between flushes.
   */
  let resumed: Position | null = null
  let chunks = new Set<string>()

  async function open(): Promise<Session> {
    if (session) return session
    await checkPath(context.name, path)
    const database = await openDatabase(context.name, path, config)
    try {
      session = await openSession(database)
      return session
    } catch (error) {
      database[Symbol.dispose]()
      throw error
    }
  }

  async function openSession(database: Session['database']): Promise<Session> {
    const records = await openRecords(database, { pipeline: context.pipeline, sink: context.name })
    const opened: Session = {
      ...{ database, records, sink: context.name, pipeline: context.pipeline, onValue: config.onValue, log: context.log },
      ...{ tables: new Map(), prepared: new Map(), dirty: new Set(), changed: new Map(), pristine: new Map(), incomplete: new Set() },
    }
    await reload(opened)
    const record = await records.load()
    position = record?.position ?? ''
    resumed ??= position
    chunks = new Set(record?.chunks)
    return opened
  }

  /** Closing would checkpoint too, but on the event loop. What it says is no loss: the log holds what it would have written. */
  async function close(): Promise<void> {
    const closing = session
    session = null
    await closing?.database.run('CHECKPOINT').catch(() => {})
    closing?.database[Symbol.dispose]()
  }

  async function guard<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw toSinkError(error, { sink: context.name, path })
    }
  }

  async function write(batch: Batch): Promise<'durable'> {
    const current = await open()
    for (;;) {
      const narrow = await transact(current, () => apply(current, batch))
      if (!narrow) break
      await widen(current, narrow)
    }
    position = batch.end
    if (batch.kind === 'rows' && batch.last) chunks.add(batch.chunk)
    return 'durable'
  }

  async function apply(current: Session, batch: Batch): Promise<void> {
    const { records } = current
    // A new slot may stand earlier, on another server even: nothing of it was here before.
    if (resumed !== null && batch.end < resumed) resumed = ''
    if (batch.kind === 'changes') await applyChanges(current, changesAfter(batch.changes, resumed ?? ''))
    else if (batch.kind === 'control') await applyControl(current, batch)
    // A finished chunk seen again before the position is older than what the stream brought since.
    else if (!chunks.has(batch.chunk) || batch.end >= position) await applyRows(current, batch)
    if (batch.kind === 'rows' && batch.last && !chunks.has(batch.chunk)) await records.addChunk(batch.chunk)
    await records.saveCheckpoint({ position: batch.end, carry: batch.carry })
  }

  return {
    batchBytes: BATCH_BYTES,
    async resume(): Promise<SinkRecord | null> {
      return guard(async () => (await open()).records.load())
    },
    write: (batch) => guard(() => write(batch)),
    async flush() {
      if (config.closeBetweenFlushes) await close()
    },
    async *scan(table: Table, keys: readonly Row[] | null) {
      try {
        yield* scanTable(await open(), table, keys)
      } catch (error) {
        throw toSinkError(error, { sink: context.name, path })
      }
    },
    [Symbol.asyncDispose]: close,
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
    await database.run('COMMIT')
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
