import { createPgoutputDecoder } from '../../codecs/pgoutput/pgoutput-decoder.ts'
import type { Relation } from '../../codecs/pgoutput/messages.ts'
import { createTupleScanner } from '../../codecs/pgoutput/tuple-image.ts'
import { createTupleDecoder, type TupleColumn } from '../../codecs/pgoutput/tuple.ts'
import type { ChangesBatch } from '../../contracts/batch.ts'
import type { Position } from '../../contracts/position.ts'
import type { SourceControl } from '../../contracts/source.ts'
import type { Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { createBatcher, type TableContext } from './batcher.ts'
import { toSourceError } from './errors.ts'
import { createOldRows } from './old-rows.ts'
import type { Session, SessionEvents } from './session.ts'
import { createSilenceWatch } from './silence-watch.ts'

/** How the log's relation becomes a table; null where it is none of the pipeline's. */
export type DescribeRelation = (relation: Relation) => Promise<DescribedRelation | null>

export type DescribedRelation = {
  table: Table
  /** What it was before, where that is known. */
  previous: Table | null
  /** For each column of the relation message, in its order: where its value goes in the row; null drops it. */
  columns: readonly TupleColumn[]
  /** Stored rows changed without a word in the log. */
  reread: boolean
}

export type StreamOptions = {
  batchBytes: number
  describe: DescribeRelation
  /** Starts the walsender, from 16 hexadecimal digits. */
  open(from: string, events: SessionEvents, signal: AbortSignal): Promise<Session>
  /** Silence past this is a dead connection; the server is asked at half of it. */
  silenceMs?: number
}

/** One reading of the log. Single-use. */
export type Stream = AsyncIterable<ChangesBatch | SourceControl> & {
  acknowledge(position: Position): void
  /** Asks how far the server has come; the empty batch that passes `position` is not held back. */
  nudge(position: Position): void
}

const SILENCE_MS = 60_000
/** Empty batches, that only move the position, come no closer together than this. */
const EMPTY_SPACING_MS = 100

/**
 * Reads the log from just after `from`. One batch is decoded ahead of the consumer, and no more: past it the decoder
 * stops, the socket fills, and the server waits.
 */
export function createStream(from: Position, options: StreamOptions, signal: AbortSignal): Stream {
  /** Of each table described in this reading. */
  const versions = new Map<number, string>()
  const decoder = createPgoutputDecoder<TableContext>({
    begin: (begin) => batcher.begin(begin),
    commit: (commit) => batcher.commit(commit),
    origin: (origin) => batcher.origin?.(origin),
    relation: (relation) => batcher.relation(relation),
    insert: (context, after) => batcher.insert(context, after),
    image: (context, op, image) => batcher.image(context, op, image),
    update: (context, kind, old, after) => batcher.update(context, kind, old, after),
    delete: (context, kind, old) => batcher.delete(context, kind, old),
    passed: () => batcher.passed(),
    truncate: (truncate) => batcher.truncate(truncate),
    message: (message) => batcher.message(message),
    keepalive(walEnd, wantsReply) {
      batcher.keepalive(walEnd, wantsReply && session?.answer() === true)
    },
  })
  const batcher = createBatcher(from, options.batchBytes, () => decoder)

  const chunks: Buffer[] = []
  let session: Session | null = null
  let failure: MillraceError | null = null
  let isOver = false
  let isPaused = false
  let isDescribing = false
  let isStarved = true
  let acknowledged: string | null = null
  let nudged: string | null = null
  let emptiedAtMs = 0
  let emptyTimer: NodeJS.Timeout | null = null
  let pumpSoon: NodeJS.Immediate | null = null
  let wake: (() => void) | null = null

  const wakeUp = () => {
    const waiting = wake
    wake = null
    waiting?.()
  }
  const fail = (error: unknown) => {
    failure ??= toSourceError(error, { phase: 'stream' })
    finish()
  }
  const finish = () => {
    if (isOver) return
    isOver = true
    watch.stop()
    if (emptyTimer) clearTimeout(emptyTimer)
    if (pumpSoon) clearImmediate(pumpSoon)
    session?.close()
    wakeUp()
  }

  const watch = createSilenceWatch(options.silenceMs ?? SILENCE_MS, {
    ask: () => session?.ask(),
    dead: (seconds) => fail(new MillraceError('SOURCE_LOST', { reason: `the server said nothing for ${seconds} s` })),
  })

  const onData = (chunk: Buffer) => {
    if (isOver) return
    watch.heard()
    chunks.push(chunk)
    pump()
  }

  /** Decodes what is there until a batch is ready ahead, or nothing is left. */
  const pump = () => {
    pumpSoon = null
    try {
      while (!isOver && !isDescribing && batcher.ready.length === 0 && fill()) {
        isStarved = decoder.run() === 'starved'
        const relation = batcher.takeRelation()
        if (relation) void describe(relation)
      }
    } catch (error) {
      return fail(error)
    }
    setPaused(chunks.length > 0)
    if (wake && isYieldable()) wakeUp()
  }

  const fill = (): boolean => {
    if (!isStarved) return true
    const chunk = chunks.shift()
    if (!chunk) return false
    decoder.push(chunk)
    isStarved = false
    return true
  }

  const setPaused = (wanted: boolean) => {
    if (wanted === isPaused || isOver) return
    isPaused = wanted
    watch.setListening(!wanted)
    if (wanted) session?.pause()
    else session?.resume()
  }

  const describe = async (relation: Relation) => {
    isDescribing = true
    try {
      const found = await options.describe(relation)
      if (isOver) return
      if (found) define(relation, found)
    } catch (error) {
      return fail(error)
    } finally {
      isDescribing = false
    }
    pump()
  }

  const define = (relation: Relation, { table, previous, columns, reread }: DescribedRelation) => {
    const identity = columns.flatMap((column, index) => (column && relation.columns[index]?.isKey ? [column.target] : []))
    const context = { table, oldRows: createOldRows(table, identity) }
    const decode = createTupleDecoder(columns)
    const types = columns.map((column) => column && { ...column, type: table.columns[column.target]!.type }) // a target is one of them
    decoder.define(relation.id, { decode, scan: createTupleScanner(types, decode), context })
    const isNews = versions.get(relation.id) !== table.version
    versions.set(relation.id, table.version)
    if (isNews || reread) batcher.describe({ table, previous, reread })
  }

  const isYieldable = (): boolean => {
    if (batcher.ready.length === 0 && !isDescribing && isStarved && chunks.length === 0) {
      batcher.closeOpen()
      if (batcher.ready.length === 0 && batcher.hasMoved()) closeEmpty()
    }
    return batcher.ready.length > 0
  }

  const closeEmpty = () => {
    const waitMs = nudged !== null && batcher.position() >= nudged ? 0 : emptiedAtMs + EMPTY_SPACING_MS - performance.now()
    if (waitMs > 0) {
      emptyTimer ??= setTimeout(() => {
        emptyTimer = null
        if (wake && isYieldable()) wakeUp()
      }, waitMs)
      return
    }
    batcher.closeEmpty()
    emptiedAtMs = performance.now()
    nudged = null
  }

  const take = async (): Promise<ChangesBatch | SourceControl | null> => {
    while (true) {
      if (isOver && failure === null) return null
      if (isYieldable()) {
        // Decoding goes on while the consumer waits for its sink.
        pumpSoon ??= setImmediate(pump)
        return batcher.ready.shift() ?? null
      }
      if (failure) throw failure
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }

  const begin = async () => {
    const events = { data: onData, failed: fail }
    const opened = await options.open(from.slice(0, 16), events, signal)
    session = opened
    if (isOver) return opened.close()
    if (isPaused) opened.pause()
    if (acknowledged) opened.acknowledge(acknowledged)
    watch.start()
  }

  async function* read(): AsyncGenerator<ChangesBatch | SourceControl> {
    signal.addEventListener('abort', finish, { once: true })
    try {
      if (signal.aborted) return
      await begin()
      for (let item = await take(); item !== null; item = await take()) yield item
    } catch (error) {
      if (!signal.aborted) throw toSourceError(error, { phase: 'stream' })
    } finally {
      signal.removeEventListener('abort', finish)
      finish()
    }
  }

  return {
    [Symbol.asyncIterator]: read,
    acknowledge(position) {
      // Inside a transaction nothing newer than the last complete one may be forgotten.
      if (position.length !== 16) return
      acknowledged = position
      session?.acknowledge(position)
    },
    nudge(position) {
      nudged = position
      session?.ask()
      if (wake && isYieldable()) wakeUp()
    },
  }
}
