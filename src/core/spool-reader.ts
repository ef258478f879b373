import { open, type FileHandle } from 'node:fs/promises'
import { deserialize } from 'node:v8'
import type { Batch } from '../contracts/batch.ts'
import type { Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createUnpacking } from './spool-batch.ts'
import { createFrameReader, FRAME } from './spool-segment.ts'

export type SpoolReader = {
  /** The next batch; null where nothing more is durable yet. */
  next(): Promise<Batch | null>
  /** The segment that is being read. */
  readonly segment: number
  close(): Promise<void>
}

type Ports = {
  sink: string
  pathOf(segment: number): string
  /** How much of each segment is durable. */
  sizes: ReadonlyMap<number, number>
  /** The one that is written. */
  active(): number
}

/** Reads a spool from its first segment on, as far as it is durable. */
export function createSpoolReader({ sink, pathOf, sizes, active }: Ports): SpoolReader {
  const unpack = createUnpacking()
  /** One object a table over all segments, as sinks know tables by them. */
  const known = new Map<string, Table>()
  let segment = Math.min(...sizes.keys())
  let file: FileHandle | null = null
  let frames: ReturnType<typeof createFrameReader> | null = null
  let tables: Table[] = []

  function tableOf(payload: Buffer): Table {
    const text = payload.toString('latin1')
    const table = known.get(text) ?? (deserialize(payload) as Table) // the spool wrote it
    known.set(text, table)
    return table
  }

  async function openNext(): Promise<ReturnType<typeof createFrameReader>> {
    file = await open(pathOf(segment), 'r')
    tables = []
    return (frames = createFrameReader(file))
  }

  async function close(): Promise<void> {
    await file?.close()
    file = frames = null
  }

  return {
    get segment() {
      return segment
    },
    async next() {
      for (;;) {
        const reader = frames ?? (await openNext())
        // Taken before the frame: it may become an older one while this is read.
        const isActive = segment === active()
        const limit = sizes.get(segment) ?? 0
        const frame = await reader.next(limit)
        if (frame?.kind === FRAME.table) tables.push(tableOf(frame.payload))
        else if (frame?.kind === FRAME.batch || frame?.kind === FRAME.control) return unpack(frame.payload, (number) => tables[number]!) // written before it
        if (frame !== null) continue
        if (reader.at !== limit) throw new MillraceError('SPOOL_CORRUPT', { sink, path: pathOf(segment) })
        if (isActive) return null
        if (reader.at !== sizes.get(segment)) continue
        await close()
        segment++
      }
    },
    close,
  }
}
