import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize } from 'node:v8'
import type { ControlBatch } from '../contracts/batch.ts'
import type { Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { syncFolder } from '../lib/folders.ts'
import { createUnpacking } from './spool-batch.ts'
import { advanced, toldAfter, type Header, type Step } from './spool-place.ts'
import { createFrameReader, FRAME, type Frame } from './spool-segment.ts'

export type FoundSegment = { number: number; size: number; header: Header }

const NAME = /^(\d{10})\.segment$/

export const pathOf = (folder: string, number: number) => join(folder, `${String(number).padStart(10, '0')}.segment`)

export async function segmentNumbers(folder: string): Promise<readonly number[]> {
  const names = await fs.readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/** What an earlier life left: the segments, and what holds at the end of the last. What it had not marked is cut off. */
export async function readSegments(folder: string, sink: string): Promise<{ segments: readonly FoundSegment[]; end: Header | null }> {
  const numbers = [...(await segmentNumbers(folder))]
  let end: Header | null = null
  let last: number | undefined
  // One that was being begun says nothing yet: it was not written to before its header was durable.
  while (end === null && (last = numbers.at(-1)) !== undefined) {
    end = await cutToMark(pathOf(folder, last))
    if (end !== null) break
    await fs.rm(pathOf(folder, last))
    numbers.pop()
  }
  await syncFolder(fs, folder)
  const segments: FoundSegment[] = []
  for (const number of numbers) segments.push({ number, ...(await headOf(pathOf(folder, number), sink)) })
  return { segments, end }
}

async function headOf(path: string, sink: string): Promise<{ size: number; header: Header }> {
  const file = await fs.open(path, 'r')
  try {
    const { size } = await file.stat()
    const frame = await createFrameReader(file).next(size)
    if (frame?.kind !== FRAME.header) throw new MillraceError('SPOOL_CORRUPT', { sink, path })
    return { size, header: deserialize(frame.payload) as Header } // we wrote it
  } finally {
    await file.close()
  }
}

/** Null where not even the header is whole. */
async function cutToMark(path: string): Promise<Header | null> {
  const file = await fs.open(path, 'r+')
  try {
    const { size } = await file.stat()
    const reader = createFrameReader(file)
    const state = createEnd()
    for (let frame = await reader.next(size); frame; frame = await reader.next(size)) state.take(frame)
    if (state.end !== null) await file.truncate(state.bytes)
    await file.sync()
    return state.end
  } finally {
    await file.close()
  }
}

/** Follows a segment from mark to mark. */
function createEnd() {
  const tables: Table[] = []
  const unpack = createUnpacking()
  let told: readonly ControlBatch[] = []
  const state = {
    end: null as Header | null,
    bytes: 0,
    take({ kind, payload, end }: Frame): void {
      if (kind === FRAME.table) tables.push(deserialize(payload) as Table)
      if (kind === FRAME.control) told = toldAfter(told, unpack(payload, (number) => tables[number]!) as ControlBatch) // its table was written before it
      if (kind !== FRAME.header && kind !== FRAME.mark) return
      const header = kind === FRAME.header ? (deserialize(payload) as Header) : null
      if (header) told = header.told
      if (header) state.end = header
      else if (state.end) state.end = { place: advanced(state.end.place, deserialize(payload) as Step), told }
      state.bytes = end
    },
  }
  return state
}
