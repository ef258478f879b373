import { z } from 'zod'
import { readFooter } from '../../codecs/parquet/read-file.ts'
import type { Position } from '../../contracts/position.ts'
import type { SinkRecord, SinkState } from '../../contracts/sink.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { isChangesFile, OWN_FOLDER, parsePlace, placeAsPosition, type ChangePlace } from './names.ts'
import type { Store } from './store.ts'

/** The sink's own part of its record. */
const recordSchema = z.object({
  /** Names one reading of a log from its beginning; files of different ones do not go on from each other. */
  reading: z.string(),
  /** By folder: the newest file of changes, and the last change in it. */
  tables: z.record(z.string(), z.object({ file: z.string(), to: z.object({ position: z.string(), ordinal: z.number() }) })),
  /** By folder: the copy under way or done last, and whether a file of it was made: an empty table has none. */
  generations: z.record(
    z.string(),
    z.object({ generation: z.string(), begin: z.string(), isStaged: z.boolean(), hasFiles: z.boolean().default(false) }),
  ),
})

export type ParquetRecord = z.infer<typeof recordSchema>

export type Newest = { file: string; to: ChangePlace; reading: string }

export type CheckpointOptions = { sink: string; pipeline: string; store: Store; state: Pick<SinkState, 'load'> }

export type Resumed = { record: SinkRecord | null; own: ParquetRecord | null }

/**
 * What is held, after a start. The state store says up to where everything is durable; a file may have been finished after it said
 * so, and then its table is further on: `newestOf` finds that when the table comes up. Where the state store knows nothing the
 * files say it themselves: each holds what was durable of all tables when it was finished.
 */
export async function resumeFrom(options: CheckpointOptions): Promise<Resumed> {
  const saved = await options.state.load()
  if (saved === null) return resumeFromFiles(options)
  const parsed = recordSchema.safeParse(saved.data)
  if (!parsed.success)
    throw new MillraceError('STATE_CORRUPT', {
      path: `of ${options.sink} (${options.store.place})`,
      reason: 'it is not the record of a Parquet sink',
    })
  const { position, carry, chunks } = saved
  if (await isEmptied(options, parsed.data)) return { record: null, own: null }
  return { record: { position, carry, chunks }, own: parsed.data }
}

/**
 * Whether nothing is left of all that the record names: the folder was removed, or `path` is another. Then nothing is held, and the core
 * says what that means. Files that somebody expires are never all of them: the first copy of a table is among them.
 */
async function isEmptied({ store }: CheckpointOptions, { tables, generations }: ParquetRecord): Promise<boolean> {
  const filled = [...Object.keys(tables), ...Object.keys(generations).filter((folder) => isSeen(generations[folder]))]
  if (filled.length === 0) return false
  const present = new Set(await store.folders(''))
  return !filled.some((folder) => present.has(folder))
}

/** A copy that is put aside until it is whole has nothing in the table's folder. */
function isSeen(copy: ParquetRecord['generations'][string] | undefined): boolean {
  return copy !== undefined && copy.hasFiles && !copy.isStaged
}

async function resumeFromFiles(options: CheckpointOptions): Promise<Resumed> {
  let record: SinkRecord | null = null
  let own: ParquetRecord | null = null
  for (const folder of await options.store.folders('')) {
    if (folder === OWN_FOLDER) continue
    const footer = await newestFooter(options, folder, '')
    // Another pipeline's tables beside ours are none of our business.
    if (footer === null || footer.metadata['millrace.pipeline'] !== options.pipeline) continue
    const position = footer.metadata['millrace.settled'] ?? ''
    own ??= { reading: footer.metadata['millrace.reading'] ?? '', tables: {}, generations: {} }
    if (position === '' || (record !== null && position <= record.position)) continue
    record = { position, carry: footer.metadata['millrace.carry'] ?? '', chunks: [] }
    own = { ...own, reading: footer.metadata['millrace.reading'] ?? '' }
  }
  return { record, own }
}

/**
 * The newest file of changes of one table, which is the table's checkpoint: files are finished in the order of the log, so that
 * everything up to its last change lies there. Null where there is none.
 */
export async function newestOf(
  options: CheckpointOptions,
  folder: string,
  known: ParquetRecord['tables'][string] | null,
): Promise<Newest | null> {
  const footer = await newestFooter(options, folder, known?.file ?? '')
  if (footer === null) return null
  const { file, metadata } = footer
  const path = `${options.store.place}/${folder}`
  const found = metadata['millrace.pipeline'] ?? 'somebody else'
  if (found !== options.pipeline) throw new MillraceError('SINK_OTHER_PIPELINE', { sink: options.sink, path, found })
  const to = parsePlace(metadata['millrace.to'] ?? '')
  if (to === null)
    throw new MillraceError('PARQUET_MALFORMED', { path: `${path}/changes/${file}`, reason: 'its footer does not say where it ends' })
  return { file, to, reading: metadata['millrace.reading'] ?? '' }
}

/** The furthest change that lies in any file of ours; null where there is none. */
export async function furthestOf(options: CheckpointOptions, own: ParquetRecord): Promise<Position | null> {
  let furthest: Position | null = null
  for (const folder of await options.store.folders('')) {
    if (folder === OWN_FOLDER) continue
    const known = own.tables[folder] ?? null
    const footer = await newestFooter(options, folder, known?.file ?? '')
    const isOurs = footer?.metadata['millrace.pipeline'] === options.pipeline
    const to = isOurs ? (footer.metadata['millrace.to'] ?? '') : known === null ? '' : placeAsPosition(known.to)
    if (to !== '' && (furthest === null || to > furthest)) furthest = to
  }
  return furthest
}

async function newestFooter({ store }: CheckpointOptions, folder: string, after: string) {
  const names = await store.list(`${folder}/changes`, after)
  const file = names.findLast(isChangesFile)
  if (file === undefined) return null
  await using bytes = await store.open(`${folder}/changes/${file}`)
  return { file, metadata: (await readFooter(bytes)).metadata }
}
