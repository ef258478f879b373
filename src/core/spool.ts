import { serialize } from 'node:v8'
import * as fs from 'node:fs/promises'
import type { Batch, ControlBatch } from '../contracts/batch.ts'
import type { ChunkId } from '../contracts/position.ts'
import type { Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createDurableFolders, syncFolder } from '../lib/folders.ts'
import { packBatch } from './spool-batch.ts'
import { advanced, furthest, stepAfter, toldAfter, type Header, type Place, type Step } from './spool-place.ts'
import { createSpoolReader, type SpoolReader } from './spool-reader.ts'
import { pathOf, readSegments } from './spool-recover.ts'
import { createSegmentFile, FRAME, frameOf } from './spool-segment.ts'

export type SpoolOptions = {
  sink: string
  folder: string
  /** What the sink is known to hold: a new spool begins there. */
  base: Place
  segmentBytes: number
  /** Whether no mark may lie inside a transaction; see Format. */
  wholeTransactions: boolean
}

/**
 * What lies on disk for one sink that cannot take it now: batches in order, in segments of bounded size.
 *
 * Why nothing is lost: a mark is written after the batches and then all is synced, the segment's name with it, before anybody is told that it
 * is durable. What follows the last mark at a start is cut off: nobody was told of it, so the log still has it. A segment is removed only
 * after the sink held all of it durably. A frame whose checksum is wrong before a mark is an error, never an end.
 */
export type Spool = {
  /** What lies here durably, or was held by the sink before it. */
  readonly place: Place
  /** Where what lies here begins. */
  readonly first: Header
  readonly bytes: number
  /** Whether a chunk is in it in part, or a transaction that has to be whole: no mark may be set. */
  readonly isCut: boolean
  append(batch: Batch): Promise<void>
  /** Makes durable what was appended. */
  mark(): Promise<void>
  read(): SpoolReader
  /** Resolves when more is durable than was. */
  more(): Promise<void>
  /** The place at which the segment ends; null for the one that is written. */
  endOf(segment: number): Place | null
  /** Removes those segments, but for the one that is written; tells whether there were any. */
  release(isHeld: (segment: number) => boolean): Promise<boolean>
  /** Removes everything. */
  clear(): Promise<void>
  close(): Promise<void>
}

export async function openSpool({ sink, folder, base, segmentBytes, wholeTransactions }: SpoolOptions): Promise<Spool> {
  await io(() => createDurableFolders(fs)(folder))
  const found = await io(() => readSegments(folder, sink))
  const headers = new Map<number, Header>(found.segments.map(({ number, header }) => [number, header]))
  const sizes = new Map<number, number>(found.segments.map(({ number, size }) => [number, size]))
  const partial = new Map<ChunkId, number>()
  let place = furthest(found.end?.place ?? base, base)
  let told: readonly ControlBatch[] = found.end?.told ?? []
  let step: Step | null = null
  let waiting: (() => void)[] = []
  let number = 0
  let isInTransaction = false
  let tables = new Map<Table, number>()
  let active = await begin((found.segments.at(-1)?.number ?? 0) + 1)

  async function io<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof MillraceError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new MillraceError('SPOOL_IO', { sink, path: folder, reason }, { cause: error })
    }
  }

  async function begin(next: number): Promise<Awaited<ReturnType<typeof createSegmentFile>>> {
    const header: Header = { place, told }
    const segment = await io(async () => {
      await fs.rm(pathOf(folder, next), { force: true })
      const created = await createSegmentFile(pathOf(folder, next))
      await created.append(frameOf(FRAME.header, serialize(header)))
      await created.file.sync()
      await syncFolder(fs, folder)
      return created
    })
    number = next
    tables = new Map()
    headers.set(next, header)
    sizes.set(next, segment.size)
    return segment
  }

  async function roll(): Promise<void> {
    await io(() => active.file.close())
    active = await begin(number + 1)
  }

  async function numbered(table: Table): Promise<void> {
    if (tables.has(table)) return
    tables.set(table, tables.size)
    await active.append(frameOf(FRAME.table, serialize(table)))
  }

  async function append(batch: Batch): Promise<void> {
    for (const table of tablesOf(batch)) await numbered(table)
    const payload = packBatch(batch, (table) => tables.get(table) ?? -1)
    await active.append(frameOf(batch.kind === 'control' ? FRAME.control : FRAME.batch, payload))
    notePartial(batch)
    step = stepAfter(step, batch, place.held)
    if (batch.kind === 'control') told = toldAfter(told, batch)
  }

  function notePartial(batch: Batch): void {
    if (batch.kind === 'changes') isInTransaction = wholeTransactions && !batch.betweenTransactions
    if (batch.kind === 'rows' && !batch.last) partial.set(batch.chunk, batch.table.id)
    else if ('chunk' in batch) partial.delete(batch.chunk)
    else if (batch.kind === 'control' && (batch.event === 'snapshot-begin' || batch.event === 'table-dropped'))
      for (const [chunk, tableId] of partial) if (tableId === batch.table.id) partial.delete(chunk)
  }

  async function mark(): Promise<void> {
    if (step === null) return
    const marked = step
    await active.append(frameOf(FRAME.mark, serialize(marked)))
    await active.file.datasync()
    step = null
    place = advanced(place, marked)
    sizes.set(number, active.size)
    if (active.size >= segmentBytes) await roll()
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }

  return {
    get place() {
      return place
    },
    get first() {
      return headers.get(Math.min(...headers.keys())) ?? { place, told }
    },
    get bytes() {
      let bytes = active.size
      for (const [each, size] of sizes) if (each !== number) bytes += size
      return bytes
    },
    get isCut() {
      return partial.size > 0 || isInTransaction
    },
    append: (batch) => io(() => append(batch)),
    mark: () => io(mark),
    read: () => createSpoolReader({ sink, pathOf: (each) => pathOf(folder, each), sizes, active: () => number }),
    more: () => new Promise((resolve) => waiting.push(resolve)),
    endOf: (segment) => headers.get(segment + 1)?.place ?? null,
    async release(isHeld) {
      const held = [...headers.keys()].filter((each) => each !== number && isHeld(each))
      for (const each of held) {
        await io(() => fs.rm(pathOf(folder, each), { force: true }))
        headers.delete(each)
        sizes.delete(each)
      }
      return held.length > 0
    },
    async clear() {
      await io(() => active.file.close())
      await removeSpool(folder)
    },
    close: () => io(() => active.file.close()),
  }
}

export async function removeSpool(folder: string): Promise<void> {
  await fs.rm(folder, { recursive: true, force: true })
}

function tablesOf(batch: Batch): readonly Table[] {
  if (batch.kind === 'rows') return [batch.table]
  if (batch.kind === 'control') return batch.event === 'schema' && batch.previous ? [batch.table, batch.previous] : [batch.table]
  return [...new Set(batch.changes.flatMap(({ table }) => (table === null ? [] : [table])))]
}
