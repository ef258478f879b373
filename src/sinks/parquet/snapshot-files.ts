import type { ControlBatch, RowsBatch } from '../../contracts/batch.ts'
import type { ChunkId } from '../../contracts/position.ts'
import type { Table } from '../../contracts/table.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import type { Misfit } from '../../codecs/parquet/schema.ts'
import type { ParquetRecord } from './checkpoints.ts'
import { createFileWriter, type FileContext, type FileWriter } from './file-writer.ts'
import type { Ledger, Pending } from './ledger.ts'
import { asideFolder, chunkFile, generationOf, generationOfFile, isOfChunk } from './names.ts'

export type SnapshotFilesOptions = FileContext & {
  ledger: Ledger
  misfit: Misfit
  rollSize: number
  /** The sink's own folder under `.millrace`. */
  owner: string
  /** By folder, as recorded; changed in place. */
  generations: ParquetRecord['generations']
  /** Called before the first file of a table is begun. */
  sweep(folder: string): Promise<void>
  metadata(table: Table): Record<string, string>
  /** Something became durable. */
  finished(): void
}

type Making = {
  chunk: ChunkId
  folder: string
  path: string
  part: number
  rows: number
  tableId: number
  writer: FileWriter
  pending: Pending
}

/**
 * Files of snapshots: one a chunk, several where a chunk comes in parts and is large.
 *
 * The first copy of a table is put where readers look as it comes. A later one is put aside until it is whole, so that no reader
 * ever sees the rows of two copies; then the files of the one before are removed and the new ones moved into their place. A crash
 * in the middle of that is gone on with: the end of the generation is not durable before all of it is done, and is given again.
 */
export function createSnapshotFiles(options: SnapshotFilesOptions) {
  const { store, ledger, generations, rollSize } = options
  const making = new Map<ChunkId, Making>()
  const underWay = new Map<string, Set<Promise<void>>>()
  /** By folder: what lay there when this life began, and is in no record: the chunk is read again and replaces it. */
  const leftOver = new Map<string, Set<string>>()

  return { begin, rows, end, leave, finishAll, abandon }

  async function begin({ table, generation, fresh, end: position }: ControlBatch & { event: 'snapshot-begin' }): Promise<void> {
    const folder = homeOf(table, generation)
    await leave(table)
    // A copy that is gone on with keeps its beginning: what it holds already was read since then.
    if (generations[folder]?.generation === generation) return
    await options.sweep(folder)
    const isOld = (name: string) => generationOfFile(name) !== generation
    const isSeen = (await store.list(`${folder}/snapshot`)).some(isOld)
    await store.remove(
      (await store.list(asideFolder(options.owner, folder))).filter(isOld).map((name) => `${asideFolder(options.owner, folder)}/${name}`),
    )
    generations[folder] = { generation, begin: position, isStaged: !fresh || isSeen, hasFiles: false }
  }

  /** One copy lies in one folder, that of the name it began under: the table may be renamed meanwhile. */
  function homeOf(table: Table, generation: string): string {
    return Object.keys(generations).find((folder) => generations[folder]?.generation === generation) ?? tableFolder(table)
  }

  async function rows(batch: RowsBatch): Promise<void> {
    const before = making.get(batch.chunk)
    if (before === undefined && batch.rowCount === 0 && batch.last) return void (await place(batch, 0))
    const file = before ?? (await open(batch, 0))
    if (batch.rowCount > 0) file.writer.write(batch.columns(), batch.bytes)
    file.rows += batch.rowCount
    const isFull = file.writer.storedBytes + file.writer.groupBytes >= rollSize
    if (!batch.last && !isFull) return
    making.delete(batch.chunk)
    finish(file, batch)
    // The next part of the chunk goes into a file of its own.
    if (!batch.last) await open(batch, file.part + 1)
  }

  async function open(batch: RowsBatch, part: number): Promise<Making> {
    const { table, chunk } = batch
    const folder = homeOf(table, generationOf(chunk))
    const pending = ledger.hold()
    const path = await place(batch, part)
    const writer = createFileWriter(options, { path, columns: table.columns, schema: { misfit: options.misfit, key: table.key } })
    const file = { chunk, folder, path, part, rows: 0, tableId: table.id, writer, pending }
    making.set(chunk, file)
    return file
  }

  /** Where a file of a chunk goes. Before the first, what an earlier life left of the chunk goes: it may have cut it into more parts. */
  async function place({ table, chunk }: RowsBatch, part: number): Promise<string> {
    const folder = homeOf(table, generationOf(chunk))
    const copy = generations[folder]
    const seen = `${folder}/snapshot`
    const target = copy?.isStaged && copy.generation === generationOf(chunk) ? asideFolder(options.owner, folder) : seen
    // Also where readers look: that life may have died while it moved files there.
    if (part === 0) for (const place of new Set([target, seen])) await removeLeft(folder, place, chunk)
    return `${target}/${chunkFile(chunk, part)}`
  }

  async function removeLeft(folder: string, place: string, chunk: ChunkId): Promise<void> {
    const left = leftOver.get(place) ?? (await lookAt(folder, place))
    const ours = [...left].filter((name) => isOfChunk(name, chunk))
    if (ours.length === 0) return
    await store.remove(ours.map((name) => `${place}/${name}`))
    for (const name of ours) left.delete(name)
  }

  async function lookAt(folder: string, place: string): Promise<Set<string>> {
    await options.sweep(folder)
    const names = new Set(await store.list(place))
    leftOver.set(place, names)
    return names
  }

  /** The rows themselves are not kept until the file is durable: what is said of them is made now. */
  function finish(file: Making, batch: RowsBatch): void {
    const metadata = metadataOf(file, batch)
    const noted = file.writer.finish(metadata).then(() => {
      const copy = generations[file.folder]
      // By now a later copy may have begun, which may have none.
      if (copy?.generation === generationOf(file.chunk)) copy.hasFiles = true
    })
    follow(file.folder, file.pending, noted)
  }

  /** What must be done before the batch that asked for it is durable. A failure leaves it pending for ever, and is told. */
  function follow(folder: string, pending: Pending, work: Promise<void>): void {
    const set = underWay.get(folder) ?? new Set()
    underWay.set(folder, set)
    const done = settled(pending, work).finally(() => set.delete(done))
    set.add(done)
    done.catch(options.failed)
  }

  async function settled(pending: Pending, work: Promise<void>): Promise<void> {
    await work
    ledger.settle(pending)
    options.finished()
  }

  function metadataOf({ folder, rows: count }: Making, batch: RowsBatch): Record<string, string> {
    return {
      'millrace.kind': 'snapshot',
      'millrace.chunk': batch.chunk,
      'millrace.position': batch.end,
      'millrace.begin': generations[folder]?.begin ?? batch.end,
      'millrace.rows': String(count),
      ...options.metadata(batch.table),
    }
  }

  function end({ table, generation }: ControlBatch & { event: 'snapshot-end' }): void {
    const folder = homeOf(table, generation)
    const before = [...(underWay.get(folder) ?? [])]
    follow(
      folder,
      ledger.hold(),
      Promise.all(before).then(() => replace(folder, generation)),
    )
  }

  /** Old files first: a reader may see too few for a moment, never two copies. */
  async function replace(folder: string, generation: string): Promise<void> {
    const copy = generations[folder]
    if (copy?.generation !== generation) return
    const names = await store.list(`${folder}/snapshot`)
    const old = names.filter((name) => generationOfFile(name) !== null && generationOfFile(name) !== generation)
    if (old.length > 0) await store.remove(old.map((name) => `${folder}/snapshot/${name}`))
    if (!copy.isStaged) return
    const aside = asideFolder(options.owner, folder)
    const staged = await store.list(aside)
    for (let at = 0; at < staged.length; at += MOVES_AT_ONCE)
      await Promise.all(staged.slice(at, at + MOVES_AT_ONCE).map((name) => store.move(`${aside}/${name}`, `${folder}/snapshot/${name}`)))
    copy.isStaged = false
  }

  /** Chunks delivered in part are not gone on with. */
  async function leave(table: Table): Promise<void> {
    for (const file of making.values()) {
      if (file.tableId !== table.id) continue
      making.delete(file.chunk)
      ledger.settle(file.pending)
      await file.writer.abandon()
    }
  }

  async function finishAll(): Promise<void> {
    for (const set of underWay.values()) await Promise.all(set)
  }

  async function abandon(): Promise<void> {
    await Promise.all([...making.values()].map((file) => file.writer.abandon()))
    await Promise.allSettled([...underWay.values()].flatMap((set) => [...set]))
  }
}

const MOVES_AT_ONCE = 8
