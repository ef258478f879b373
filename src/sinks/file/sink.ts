import type { Batch } from '../../contracts/batch.ts'
import type { Change } from '../../contracts/change.ts'
import type { Format, Message } from '../../contracts/format.ts'
import type { Checkpoint, Position } from '../../contracts/position.ts'
import type { Sink, SinkState } from '../../contracts/sink.ts'
import type { Table } from '../../contracts/table.ts'
import { faultPoint } from '../../lib/fault-point.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import { linesBeside } from '../../messages/message-lines.ts'
import { fileSystem, type FileSystem } from './file-system.ts'
import { createLineBlocks, type Outgoing } from './line-blocks.ts'
import { MESSAGES_FOLDER } from './names.ts'
import { fileRecord, recover, removeMarker } from './recover.ts'
import { createSegments, type Segment } from './segments.ts'

export type FileOptions = {
  name: string
  root: string
  format: Format
  rollSize: number
  rollAfterMs: number
  state: SinkState
  fs?: FileSystem
  now?: () => number
}

/** Lines are gathered to about this many characters: a write of less costs more in handing it over than in writing it. */
const GATHERED = 512 * 1024

/**
 * Growing segments of lines, one folder a table.
 *
 * Exactly-once, by this order: lines are appended, `flush` syncs the files and the names of new ones, and only then
 * records position and lengths in one transaction. A crash before that leaves bytes past the recorded lengths, which
 * `resume` cuts away; a crash after it leaves exactly the recorded lengths.
 *
 * Small batches are gathered, until there is enough or `flush` is asked for. While what was gathered is on its way to the
 * disk the next batches are encoded; its failure is thrown by the next call.
 */
export function openFile(options: FileOptions): Sink {
  const { name, root, format, state } = options
  const fs = options.fs ?? fileSystem
  const blocks = createLineBlocks()
  const writeLine = format.writeLine?.bind(format)
  const folders = new WeakMap<Table, string>()
  let segments: ReturnType<typeof createSegments> | null = null
  let last = new Map<string, Segment>()
  let marked = false
  let writing: Promise<void> = Promise.resolve()
  let reached: Checkpoint | null = null
  let chunks: string[] = []
  let gathered = new Map<string, Outgoing>()
  let gatheredLength = 0
  const enough = Math.min(GATHERED, options.rollSize)

  return { resume, write, flush, [Symbol.asyncDispose]: dispose }

  async function resume() {
    const recovered = await recover({ sink: name, root, fs, state })
    last = recovered.last
    marked = recovered.marked
    const { rollSize, rollAfterMs } = options
    segments = createSegments({ sink: name, root, fs, rollSize, rollAfterMs, now: options.now ?? Date.now, last })
    return recovered.record
  }

  async function write(batch: Batch): Promise<'accepted'> {
    if (segments === null) await resume()
    encode(batch)
    if (gatheredLength >= enough) await send()
    reached = { position: batch.end, carry: batch.carry }
    if (batch.kind === 'rows' && batch.last) chunks.push(batch.chunk)
    if (batch.kind === 'control' && batch.event === 'snapshot-end') chunks.push(batch.chunk)
    return 'accepted'
  }

  /** Sends what was gathered on its way, once what went before has arrived. */
  async function send(): Promise<void> {
    const outgoing = [...gathered.values()]
    for (const each of outgoing) blocks.finish(each)
    gathered = new Map()
    gatheredLength = 0
    const sealed = blocks.seal()
    await writing
    writing = append(outgoing).finally(sealed.release)
    writing.catch(() => {}) // told by the next call
  }

  async function append(outgoing: readonly Outgoing[]): Promise<void> {
    for (const { folder, first, bytes } of outgoing) await segments!.append(folder, first, bytes) // write made sure of it
  }

  async function flush(): Promise<void> {
    if (gatheredLength > 0) await send()
    await writing
    if (segments === null || reached === null) return
    await segments.sync()
    faultPoint('file-synced')
    await state.save({ ...reached, chunks, data: fileRecord(last) })
    reached = null
    chunks = []
    if (!marked) return
    await removeMarker({ sink: name, root, fs })
    marked = false
  }

  async function dispose(): Promise<void> {
    await writing.catch(() => {})
    await segments?.close()
  }

  function encode(batch: Batch): void {
    if (batch.kind === 'control') return addBeside(format.control?.(batch), folderOf(batch.table), batch.end)
    if (batch.kind === 'changes') {
      encodeChanges(batch.changes)
      return addBeside(format.after?.(batch), MESSAGES_FOLDER, batch.end)
    }
    if (batch.rowCount === 0) return
    const out = outgoingTo(folderOf(batch.table), batch.end)
    const place = { position: batch.end, chunk: batch.chunk, index: 0 }
    for (const row of batch.rows()) {
      add(out, format.readLine(batch.table, row, place))
      place.index++
    }
  }

  /** Lines of one table stay in order: they all go through one outgoing text. */
  function encodeChanges(changes: readonly Change[]): void {
    let table: Table | null | undefined
    let out: Outgoing | undefined
    for (const change of changes) {
      if (out === undefined || change.table !== table) {
        table = change.table
        const folder = table === null ? MESSAGES_FOLDER : folderOf(table)
        out = outgoingTo(folder, change.op === 'message' ? change.position : change.tx.position)
      }
      addChange(out, change)
    }
  }

  /** What the format tells by itself: of a table in its folder, before the rows that follow; else where messages of no table go. */
  function addBeside(messages: readonly Message[] | undefined, folder: string, position: Position): void {
    const lines = linesBeside(format, messages)
    if (lines !== '') add(outgoingTo(folder, position), lines)
  }

  /** As bytes straight away, where the format can. */
  function addChange(out: Outgoing, change: Change): void {
    if (!writeLine || !('image' in change)) return add(out, format.changeLine(change))
    const before = out.filled
    const pieces = out.bytes.length
    if (!blocks.addWritten(out, change, writeLine)) return add(out, format.changeLine(change))
    gatheredLength += out.bytes.length === pieces ? out.filled - before : out.filled
  }

  function add(out: Outgoing, line: string): void {
    blocks.add(out, line)
    gatheredLength += line.length
  }

  /** `first`: the position of the first line that goes there since the last sending. */
  function outgoingTo(folder: string, first: string): Outgoing {
    let out = gathered.get(folder)
    if (out === undefined) gathered.set(folder, (out = blocks.open(folder, first)))
    return out
  }

  function folderOf(table: Table): string {
    let folder = folders.get(table)
    if (folder === undefined) folders.set(table, (folder = tableFolder(table)))
    return folder
  }
}
