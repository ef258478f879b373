import type { Batch, ChangesBatch, RowsBatch } from '../contracts/batch.ts'
import type { NewDeadLetter } from '../contracts/dead-letters.ts'
import type { ChunkId, Position } from '../contracts/position.ts'
import type { Sink, SinkRecord } from '../contracts/sink.ts'
import type { Row } from '../contracts/table.ts'
import { MillraceError, toMillraceError } from '../errors/millrace-error.ts'
import { letterText, type DeadLetterBook } from './dead-letter-book.ts'
import { countOf, piecesOf } from './cut-batch.ts'
import { unpackContent } from './dead-letter-content.ts'
import { createNarrowing } from './dead-letter-narrowing.ts'
import { createKeyTexts } from './dead-letter-places.ts'
import { createSift, type Sift } from './dead-letter-sift.ts'

export type GuardOptions = {
  sink: string
  keepsRecord: boolean
  shape: 'changes' | 'tables' | 'nothing'
  book: DeadLetterBook
  /** Told of each that was set aside, in words. */
  warn(text: string, fields: { sink: string; table: string; code: string }): void
}

/** A sink from which what it cannot hold is kept away; `retry` gives dead letters again. */
export type GuardedSink = Sink & {
  retry(letters: readonly GivenLetter[]): Promise<void>
  /** Rows that lie aside are given where they are read again: these were asked for. */
  admit(places: readonly string[]): void
  /** What comes after these waits no more. */
  release(letters: readonly Pick<GivenLetter, 'place' | 'content'>[]): void
}
export type GivenLetter = { id: number; place: string; content: Uint8Array }

/** `isAlone`: nothing else was given since the last flush. `outcome`: what the pipeline fails with, once the sink failed. */
type Piece = { batch: Batch; isAlone: boolean; outcome: Promise<unknown> | null }

/** What was given since the last flush: where a refusal that comes late may lie. */
type Given = { until: Position | null; chunks: Set<ChunkId>; count: number }

/**
 * Sets aside what a sink refuses as data, and only that. It outlives the sink's sessions.
 *
 * Why nothing is lost: a change is left out of what the sink gets only after it was written down, durably; and it is written down
 * only where it alone was given since the last flush, or was refused in the very call by a sink that gathers nothing, so that the
 * refusal can have been of nothing else. Until then the sink is opened again after each refusal, from what is durable, and asked for
 * the same in smaller pieces.
 */
export function createDeadLetterGuard(options: GuardOptions) {
  const { sink: name, keepsRecord, shape, book, warn } = options
  const narrowing = createNarrowing()
  const texts = createKeyTexts()
  let given: Given = nothingGiven()
  /** The piece that is with the sink. */
  let piece: Piece | null = null

  /** `failed` ends the sink's session: after a refusal it has to be opened again. */
  function open(sink: Sink, failed: (error: MillraceError) => void): GuardedSink {
    given = nothingGiven()
    piece = null
    let sift: Sift | null = null
    let admitted: readonly string[] = []
    const partial = new Map<ChunkId, number>()
    let last: Pick<SinkRecord, 'position' | 'carry'> & { log: string } = { position: '', carry: '', log: '' }
    /** One thing at a time: what is given again comes between two writes. */
    let turn: Promise<unknown> = Promise.resolve()
    const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
      const acted = turn.then(act)
      turn = acted.catch(() => {})
      return acted
    }
    /** A chunk in part is not made durable by a sink that records its position with it: a restart would miss the rest. */
    const mayFlush = () => partial.size === 0 || !keepsRecord

    async function flush(signal: AbortSignal): Promise<void> {
      try {
        await sink.flush(signal)
      } catch (error) {
        throw refusedLater(error)
      }
      given = nothingGiven()
    }

    async function write(batch: Batch, signal: AbortSignal): Promise<'accepted' | 'durable'> {
      sift ??= await createSift({ sink: name, book, shape })
      sift.admit(admitted)
      admitted = []
      const { kept, waiting } = sift.sift(batch)
      if (waiting.length > 0) await setAside(waiting)
      const size = narrowing.sizeOf(kept)
      const answer = size === null ? await give(kept, signal) : await giveInPieces(kept, { size, signal })
      last = { position: batch.end, carry: batch.carry, log: batch.log }
      // What is not durable may still be refused: then it is known where to look closer.
      if (given.count === 0) narrowing.taken(batch)
      return answer
    }

    async function give(batch: Batch, signal: AbortSignal): Promise<'accepted' | 'durable'> {
      const isFirst = given.count === 0
      notePartial(batch)
      note(batch)
      try {
        const answer = await sink.write(batch, signal)
        // It speaks for all that was accepted before.
        if (answer === 'durable') given = nothingGiven()
        return answer
      } catch (error) {
        throw await refused(error, { batch, isExact: isFirst && countOf(batch) === 1 })
      }
    }

    async function giveInPieces(batch: Batch, { size, signal }: { size: number; signal: AbortSignal }): Promise<'accepted'> {
      if (mayFlush() && given.count > 0) await flush(signal)
      for (const each of piecesOf(batch, size)) await givePiece(each, signal)
      return 'accepted'
    }

    async function givePiece(batch: Batch, signal: AbortSignal): Promise<void> {
      notePartial(batch)
      const isAlone = given.count === 0
      // A sink that gathers, or is durable at its own time, may refuse late what it was given before.
      const speaksAtOnce = sink.hasPending === undefined && sink.batchBytes === undefined
      note(batch)
      const own: Piece = { batch, isAlone, outcome: null }
      piece = own
      try {
        const answer = await sink.write(batch, signal).catch(async (error: unknown) => {
          throw await outcomeOf(own, { error, isExact: isAlone || speaksAtOnce })
        })
        if (answer === 'accepted' && mayFlush())
          await sink.flush(signal).catch(async (error: unknown) => {
            throw await outcomeOf(own, { error, isExact: isAlone })
          })
        if (answer === 'durable' || mayFlush()) given = nothingGiven()
      } finally {
        piece = null
      }
    }

    async function retry(letters: readonly GivenLetter[]): Promise<void> {
      return inTurn(async () => {
        const signal = new AbortController().signal
        // Before it was given anything of this log there is no place for it to stand at.
        if (!mayFlush() || (keepsRecord && last.position === '')) throw new MillraceError('DEAD_LETTER_BUSY', { sink: name })
        if (given.count > 0) await flushOrFail(signal)
        for (const letter of letters) await giveAgain(letter, signal)
      })
    }

    /** For somebody who is not the lane: a sink whose flush failed is opened again all the same. */
    async function flushOrFail(signal: AbortSignal): Promise<void> {
      try {
        await flush(signal)
      } catch (error) {
        failed(toMillraceError(error))
        throw error
      }
    }

    async function giveAgain(letter: GivenLetter, signal: AbortSignal): Promise<void> {
      try {
        await sink.write(batchOf(letter, last), signal)
        await sink.flush(signal)
      } catch (error) {
        const { code, kind, message } = toMillraceError(error)
        failed(new MillraceError('DEAD_LETTER_MADE', { sink: name, code }, { cause: error }))
        if (kind === 'data') await book.store.failedAgain(letter.id, { code, message })
        throw error
      }
      await book.store.remove([letter.id])
      sift?.release([letter])
    }

    function notePartial(batch: Batch): void {
      if (batch.kind === 'rows' && batch.last) partial.delete(batch.chunk)
      else if (batch.kind === 'rows') partial.set(batch.chunk, batch.table.id)
      else if (batch.kind === 'control' && (batch.event === 'snapshot-begin' || batch.event === 'table-dropped'))
        for (const [chunk, tableId] of partial) if (tableId === batch.table.id) partial.delete(chunk)
    }

    return {
      async resume() {
        const record = await sink.resume()
        last = { position: record?.position ?? '', carry: record?.carry ?? '', log: '' }
        return record
      },
      write: (batch, signal) => inTurn(() => write(batch, signal)),
      flush: (signal) => inTurn(() => flush(signal)),
      retry,
      admit: (places) => void (admitted = [...admitted, ...places]),
      release: (letters) => sift?.release(letters),
      get batchBytes() {
        return sink.batchBytes ?? 0
      },
      ...(sink.gatherMs !== undefined && { gatherMs: sink.gatherMs }),
      get hasPending() {
        return sink.hasPending
      },
      ...(sink.furthest ? { furthest: sink.furthest.bind(sink) } : {}),
      async beginAnew() {
        last = { position: '', carry: '', log: '' }
        await sink.beginAnew?.()
      },
      ...(sink.scan ? { scan: sink.scan.bind(sink) } : {}),
      [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
    }
  }

  function note(batch: Batch): void {
    given.count += countOf(batch)
    if (batch.kind === 'changes' && batch.changes.length > 0) given.until = batch.end
    if (batch.kind === 'rows' && isNamed(batch)) given.chunks.add(batch.chunk)
  }

  /** What the pipeline fails with instead: it opens the sink again, and what was refused is known closer by then. */
  async function refused(error: unknown, { batch, isExact }: { batch: Batch; isExact: boolean }): Promise<unknown> {
    const caught = toMillraceError(error)
    if (caught.kind !== 'data') return error
    // It may have written what came before it first, and that was refused.
    if (batch.kind === 'control') return refusedLater(error)
    if (batch.kind === 'rows' && !isNamed(batch)) return error
    const letter = isExact ? letterOf(batch, caught) : null
    if (letter) {
      await setAside([letter])
      return new MillraceError('DEAD_LETTER_MADE', { sink: name, code: caught.code }, { cause: error })
    }
    // Perhaps it was refused for what was given before it: then that is cut smaller too.
    return narrowing.refused(batch, Math.max(countOf(batch), given.count)) ? sought(caught) : error
  }

  /** Of a piece there is one outcome, however often the sink says that it failed: by itself, and to who waits for it. */
  function outcomeOf(of: Piece, { error, isExact }: { error: unknown; isExact: boolean }): Promise<unknown> {
    of.outcome ??= refused(error, { batch: of.batch, isExact: isExact && countOf(of.batch) === 1 }).catch((worse: unknown) => worse)
    return of.outcome
  }

  /** The same for what a flush says of what was given before. */
  function refusedLater(error: unknown): unknown {
    const caught = toMillraceError(error)
    if (caught.kind !== 'data') return error
    return narrowing.refusedLater(given) ? sought(caught) : error
  }

  /** And for what a sink says by itself: `report` is told what the pipeline fails with. */
  function failedByItself(said: unknown, report: (error: unknown) => void): void {
    if (piece) void outcomeOf(piece, { error: said, isExact: piece.isAlone }).then(report)
    else report(refusedLater(said))
  }

  function sought(caught: MillraceError): MillraceError {
    return new MillraceError('DEAD_LETTER_SOUGHT', { sink: name, code: caught.code }, { cause: caught })
  }

  async function setAside(letters: readonly NewDeadLetter[]): Promise<void> {
    await book.add(letters)
    for (const letter of letters) warn(letterText(letter), { sink: name, table: letter.table ?? '', code: letter.code })
  }

  /** Null where it cannot be named on a replay: a row without a key. */
  function letterOf(batch: Batch, { code, message }: MillraceError): NewDeadLetter | null {
    const why = { sink: name, code, message, waits: false }
    if (batch.kind === 'changes') return batch.changes[0] ? book.ofChange(batch.changes[0], why) : null
    const row = batch.kind === 'rows' ? batch.rows()[0] : undefined
    if (batch.kind !== 'rows' || row === undefined) return null
    const key = texts.of(batch.table, row)
    return key === null ? null : book.ofRow({ table: batch.table, row, chunk: batch.chunk, position: batch.end, key }, why)
  }

  return { open, failedByItself }
}

export type DeadLetterGuard = ReturnType<typeof createDeadLetterGuard>

function nothingGiven(): Given {
  return { until: null, chunks: new Set(), count: 0 }
}

/** Rows without a key cannot be set aside, and are in another chunk whenever they are read again: there is nothing to look for. */
function isNamed({ table }: RowsBatch): boolean {
  return table.key.length > 0
}

/** Placed where the sink stands: its position does not move by it. */
function batchOf({ content, place }: GivenLetter, at: { position: Position; carry: string; log: string }): Batch {
  const placed = { log: at.log, end: at.position, carry: at.carry, audience: null }
  const unpacked = unpackContent(content)
  if ('change' in unpacked) {
    const changes: ChangesBatch['changes'] = [unpacked.change]
    return { kind: 'changes', ...placed, changes, bytes: content.length, betweenTransactions: true }
  }
  const { table, row } = unpacked
  const columns = () => ({ rowCount: 1, vectors: row.map((value) => ({ form: 'values', values: [value] satisfies Row }) as const) })
  return {
    kind: 'rows',
    ...placed,
    table,
    chunk: `${place}/again`,
    last: true,
    rowCount: 1,
    bytes: content.length,
    rows: () => [row],
    columns,
  }
}
