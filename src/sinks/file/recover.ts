import { join } from 'node:path'
import { z } from 'zod'
import type { SinkRecord, SinkState } from '../../contracts/sink.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { createDurableFolders, syncFolder } from '../../lib/folders.ts'
import { at } from './errors.ts'
import type { FileSystem } from './file-system.ts'
import { formatSegmentName, isLater, parseSegmentName, type SegmentName } from './names.ts'
import type { Segment } from './segments.ts'

/** What is durable, by folder: the last segment and its length. Segments before it are whole. */
const recordSchema = z.object({
  segments: z.record(z.string(), z.object({ file: z.string(), length: z.number(), closed: z.boolean() })),
})

export type FileRecord = z.infer<typeof recordSchema>

export function fileRecord(last: ReadonlyMap<string, Segment>): FileRecord {
  const entries = [...last].map(([folder, { name, length, closed }]) => [folder, { file: formatSegmentName(name), length, closed }])
  return { segments: Object.fromEntries(entries) }
}

/** Until the first checkpoint the state store knows nothing, so this file in the sink's folder says what was there before us. */
const MARKER = '.millrace-begun'

export type RecoverOptions = { sink: string; root: string; fs: FileSystem; state: Pick<SinkState, 'load'> }

export type Recovered = { record: SinkRecord | null; last: Map<string, Segment>; marked: boolean }

/**
 * Cuts the folder back to what is durable. After that, every line lies before the recorded position, and what follows
 * it in the log comes again: no line is lost and none is there twice.
 *
 * Without a record the folder may hold what another run left, which is none of ours to remove, and what we wrote and
 * never made durable, which must go. The marker tells them apart: it is durable before our first segment is made.
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const saved = await options.state.load()
  if (saved !== null) {
    const last = await cutBack(options, savedSegments(options, saved.data))
    await removeMarker(options)
    const { position, carry, chunks } = saved
    return { record: { position, carry, chunks }, last, marked: false }
  }
  const begun = await readMarker(options)
  if (begun !== null) {
    // Read, it may still not be durable: whoever wrote it may have been killed before it was.
    await syncMarker(options)
    return { record: null, last: await cutBack(options, begun.segments), marked: true }
  }
  const last = await survey(options)
  await writeMarker(options, fileRecord(last))
  return { record: null, last, marked: true }
}

function savedSegments({ sink, root }: RecoverOptions, data: unknown): FileRecord['segments'] {
  const parsed = recordSchema.safeParse(data)
  if (parsed.success) return parsed.data.segments
  throw new MillraceError('STATE_CORRUPT', { path: `of ${sink} (${root})`, reason: 'it is not the record of a file sink' })
}

async function cutBack(options: RecoverOptions, segments: FileRecord['segments']): Promise<Map<string, Segment>> {
  const last = new Map<string, Segment>()
  for (const folder of await folders(options)) await removeLater(options, folder, nameOf(segments[folder]?.file))
  for (const [folder, { file, length, closed }] of Object.entries(segments)) {
    const name = nameOf(file)
    if (name === null) continue
    const begunMs = await cutFile(options, join(options.root, folder, file), length)
    last.set(folder, { name, length, begunMs, closed })
  }
  return last
}

function nameOf(file: string | undefined): SegmentName | null {
  return file === undefined ? null : parseSegmentName(file)
}

async function removeLater(options: RecoverOptions, folder: string, durable: SegmentName | null): Promise<void> {
  for (const file of await segmentFiles(options, folder)) {
    const name = nameOf(file)
    if (name === null || (durable !== null && !isLater(name, durable))) continue
    const path = join(options.root, folder, file)
    await at({ sink: options.sink, path }, () => options.fs.rm(path, { force: true }))
  }
}

/** Returns when the file was begun. */
async function cutFile({ sink, fs }: RecoverOptions, path: string, length: number): Promise<number> {
  return at({ sink, path }, async () => {
    const found = await fs.stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (found === null || found.size < length) {
      throw new MillraceError('SINK_FILE_SHORT', { sink, path, found: found?.size ?? 0, expected: length })
    }
    if (found.size > length) await fs.truncate(path, length)
    return found.birthtimeMs
  })
}

/** What a folder holds that we did not write: kept whole, so our first line there begins a segment of its own. */
async function survey(options: RecoverOptions): Promise<Map<string, Segment>> {
  const { sink, root, fs } = options
  const last = new Map<string, Segment>()
  for (const folder of await folders(options)) {
    let name: SegmentName | null = null
    for (const file of await segmentFiles(options, folder)) {
      const found = nameOf(file)
      if (found !== null && (name === null || isLater(found, name))) name = found
    }
    if (name === null) continue
    const path = join(root, folder, formatSegmentName(name))
    const { size, birthtimeMs } = await at({ sink, path }, () => fs.stat(path))
    last.set(folder, { name, length: size, begunMs: birthtimeMs, closed: true })
  }
  return last
}

async function folders({ sink, root, fs }: RecoverOptions): Promise<string[]> {
  return at({ sink, path: root }, async () => {
    await createDurableFolders(fs)(root)
    const entries = await fs.readdir(root, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  })
}

async function segmentFiles({ sink, root, fs }: RecoverOptions, folder: string): Promise<string[]> {
  const path = join(root, folder)
  return at({ sink, path }, () => fs.readdir(path))
}

async function readMarker({ sink, root, fs }: RecoverOptions): Promise<FileRecord | null> {
  const path = join(root, MARKER)
  return at({ sink, path }, async () => {
    try {
      return recordSchema.parse(JSON.parse(await fs.readFile(path, 'utf8')))
    } catch (error) {
      // Torn: we died while writing it, and so before our first segment.
      if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  })
}

async function writeMarker(options: RecoverOptions, record: FileRecord): Promise<void> {
  const { sink, root, fs } = options
  const path = join(root, MARKER)
  await at({ sink, path }, async () => {
    const handle = await fs.open(path, 'w')
    try {
      await handle.writeFile(JSON.stringify(record))
    } finally {
      await handle.close()
    }
  })
  await syncMarker(options)
}

async function syncMarker({ sink, root, fs }: RecoverOptions): Promise<void> {
  const path = join(root, MARKER)
  await at({ sink, path }, async () => {
    const handle = await fs.open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    await syncFolder(fs, root)
  })
}

/** Called once a checkpoint is saved: from then on the record speaks. */
export async function removeMarker({ sink, root, fs }: Omit<RecoverOptions, 'state'>): Promise<void> {
  const path = join(root, MARKER)
  await at({ sink, path }, () => fs.rm(path, { force: true }))
}
