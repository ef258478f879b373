import type { Change } from '../../contracts/change.ts'
import type { Column, Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import type { Misfit } from '../../codecs/parquet/schema.ts'
import { changeColumns, createChangeBuffer, MESSAGES, type ChangeBuffer } from './change-columns.ts'
import { createFileWriter, type FileContext, type FileWriter } from './file-writer.ts'
import type { Ledger, Pending } from './ledger.ts'
import { changesFile, isAfter, MESSAGES_FOLDER, placeAsPosition, type ChangePlace } from './names.ts'

export type ChangeFilesOptions = FileContext & {
  sink: string
  ledger: Ledger
  misfit: Misfit
  rollSize: number
  rollAfterMs: number
  now(): number
  /** What a table holds from earlier; `isOfThisLog`: changes up to there are there, else nothing may come up to there. */
  held(folder: string): Promise<{ to: ChangePlace; isOfThisLog: boolean } | null>
  /** What every file says of itself, beside what it holds. */
  metadata(table: Table): Record<string, string>
  /** A file is durable. */
  finished(folder: string, file: { name: string; to: ChangePlace }): void
}

/** Rows that wait to become columns: in one file, and in all. */
const FILE_BUFFER_BYTES = 1024 * 1024
const ALL_BUFFER_BYTES = 8 * 1024 * 1024
/** What encoders and the store keep in memory for files in the making; past it the largest is finished early. */
const UNFINISHED_BYTES = 64 * 1024 * 1024

const FINISHED_AT_ONCE = 16

type Making = {
  version: string
  folder: string
  table: Table
  name: string
  first: ChangePlace
  last: ChangePlace
  rows: number
  buffer: ChangeBuffer
  bufferBytes: number
  writer: FileWriter
  pending: Pending
  begunMs: number
}

type Lane = {
  folder: string
  held: Awaited<ReturnType<ChangeFilesOptions['held']>>
  making: Making | null
  /** The file before: files of a table appear in the order of the log, since the newest is the table's checkpoint. */
  before: Promise<void>
}

/**
 * Files of changes, one in the making for each table.
 *
 * Order: a table's changes go into its file in the making in the order of the log, and its files appear one after the other.
 * Nothing twice: what lies at or before the end of the table's newest file is passed over. Nothing lost: each file is pending in
 * the ledger under the batch of its first change until it is durable.
 */
export function createChangeFiles(options: ChangeFilesOptions) {
  const { ledger, now, rollSize, rollAfterMs } = options
  const lanes = new Map<string, Lane>()
  const folders = new WeakMap<Table, string>()
  let bufferBytes = 0

  return { add, finishOld, finishAll, leave, abandon, nextAge }

  async function add(changes: readonly Change[], bytes: number): Promise<void> {
    const bytesEach = Math.ceil(bytes / Math.max(1, changes.length))
    for (let at = 0; at < changes.length; at++) {
      const change = changes[at]! // inside
      const table = change.table ?? MESSAGES
      const folder = folderOf(table)
      const lane = lanes.get(folder) ?? (await openLane(folder))
      if (lane.held === null || isNew(lane, change)) put(lane, { change, table, bytes: bytesEach })
    }
    relieve()
  }

  function folderOf(table: Table): string {
    if (table === MESSAGES) return MESSAGES_FOLDER
    let folder = folders.get(table)
    if (folder === undefined) folders.set(table, (folder = tableFolder(table)))
    return folder
  }

  async function openLane(folder: string): Promise<Lane> {
    const lane = { folder, held: await options.held(folder), making: null, before: Promise.resolve() }
    lanes.set(folder, lane)
    return lane
  }

  /** Called until the first new change only. */
  function isNew(lane: Lane, change: Change): boolean {
    const { held } = lane
    const place = placeOf(change)
    if (held === null || isAfter(place, held.to)) {
      lane.held = null
      return true
    }
    if (held.isOfThisLog) return false
    throw new MillraceError('SINK_OTHER_LOG', {
      sink: options.sink,
      path: `${options.store.place}/${lane.folder}`,
      held: held.to.position,
      position: place.position,
    })
  }

  function put(lane: Lane, { change, table, bytes }: { change: Change; table: Table; bytes: number }): void {
    // Another version of the table has other columns: another file.
    if (lane.making !== null && lane.making.version !== table.version) void finish(lane)
    const making = (lane.making ??= begin(lane, { table, first: placeOf(change) }))
    making.buffer.add(change)
    making.last = placeOf(change)
    making.rows++
    making.bufferBytes += bytes
    bufferBytes += bytes
    if (making.bufferBytes >= FILE_BUFFER_BYTES) encode(making)
    if (making.writer.storedBytes + making.writer.groupBytes + making.bufferBytes >= rollSize) void finish(lane)
  }

  function begin({ folder }: Lane, { table, first }: { table: Table; first: ChangePlace }): Making {
    const name = changesFile(first)
    const columns = changeColumns(table)
    const schema = { misfit: misfitOf(table, options.misfit) }
    const writer = createFileWriter(options, { path: `${folder}/changes/${name}`, columns, schema })
    const pending = ledger.hold()
    const buffer = createChangeBuffer(table)
    return {
      version: table.version,
      folder,
      table,
      name,
      first,
      last: first,
      rows: 0,
      buffer,
      bufferBytes: 0,
      writer,
      pending,
      begunMs: now(),
    }
  }

  function encode(making: Making): void {
    if (making.buffer.rows === 0) return
    making.writer.write(making.buffer.take(), making.bufferBytes)
    bufferBytes -= making.bufferBytes
    making.bufferBytes = 0
  }

  /** Keeps what is in memory bounded, however many tables there are. */
  function relieve(): void {
    const open = [...lanes.values()].flatMap((lane) => (lane.making === null ? [] : [{ lane, making: lane.making }]))
    if (bufferBytes >= ALL_BUFFER_BYTES) {
      // The largest first, until half of it is gone: small ones are better encoded later.
      for (const { making } of open.toSorted((a, b) => b.making.bufferBytes - a.making.bufferBytes))
        if (bufferBytes > ALL_BUFFER_BYTES / 2) encode(making)
    }
    const kept = open.map(({ lane, making }) => ({ lane, bytes: making.writer.groupBytes + making.writer.heldBytes }))
    let all = kept.reduce((sum, { bytes }) => sum + bytes, 0)
    if (all < UNFINISHED_BYTES) return
    for (const { lane, bytes } of kept.sort((a, b) => b.bytes - a.bytes)) {
      if (all < UNFINISHED_BYTES) return
      all -= bytes
      void finish(lane)
    }
  }

  /** Never rejects: a failure is told by `failed`, and nothing of the file is called durable. */
  function finish(lane: Lane): Promise<void> {
    const { making } = lane
    if (making === null) return lane.before.catch(() => {})
    lane.making = null
    encode(making)
    const { writer, folder, name, last: to, pending } = making
    const finished = writer.finish(metadataOf(making), lane.before).then(() => {
      ledger.settle(pending)
      options.finished(folder, { name, to })
    })
    // What follows fails with it: nothing may appear after a file that is missing.
    lane.before = finished
    return finished.catch(() => {})
  }

  function metadataOf({ table, first, last, rows }: Making): Record<string, string> {
    return {
      'millrace.kind': 'changes',
      'millrace.from': placeAsPosition(first),
      'millrace.to': placeAsPosition(last),
      'millrace.rows': String(rows),
      ...options.metadata(table),
    }
  }

  /** Those that are old enough. */
  function finishOld(): Promise<void> {
    return finishEach((making) => now() - making.begunMs >= rollAfterMs)
  }

  async function finishAll(): Promise<void> {
    await finishEach(() => true)
    await Promise.all([...lanes.values()].map((lane) => lane.before.catch(() => {})))
  }

  /** A few at a time: what is finished takes memory that it does not take while it waits. */
  async function finishEach(isWanted: (making: Making) => boolean): Promise<void> {
    const wanted = [...lanes.values()].filter((lane) => lane.making !== null && isWanted(lane.making))
    const work = async () => {
      for (let lane = wanted.pop(); lane !== undefined; lane = wanted.pop()) await finish(lane)
    }
    await Promise.all(Array.from({ length: FINISHED_AT_ONCE }, work))
  }

  /** The table is gone: what follows under its name is another's. */
  function leave(table: Table): void {
    const lane = lanes.get(folderOf(table))
    if (lane) void finish(lane)
  }

  /** When the oldest file in the making is old enough; null where there is none. */
  function nextAge(): number | null {
    const begun = [...lanes.values()].flatMap((lane) => (lane.making === null ? [] : [lane.making.begunMs]))
    return begun.length === 0 ? null : Math.min(...begun) + rollAfterMs
  }

  async function abandon(): Promise<void> {
    await Promise.all([...lanes.values()].flatMap((lane) => [lane.making?.writer.abandon(), lane.before.catch(() => {})]))
  }
}

export type ChangeFiles = ReturnType<typeof createChangeFiles>

function placeOf(change: Change): ChangePlace {
  const position = change.op === 'message' ? change.position : change.tx.position
  return { position, ordinal: change.ordinal }
}

/** A key is never made NULL nor moved: rows of different keys would become one. */
function misfitOf(table: Table, misfit: Misfit): (column: Column) => Misfit {
  const keys = new Set(table.key.map((at) => table.columns[at]?.name))
  return ({ name }) => (keys.has(name) && misfit !== 'text' ? 'fail' : misfit)
}
