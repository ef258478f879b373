import type { Batch } from '../contracts/batch.ts'
import type { Position } from '../contracts/position.ts'
import type { SinkState } from '../contracts/sink.ts'
import { tableName } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createDeferred } from '../lib/deferred.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { Lane } from './lane.ts'
import type { Run } from './pipeline.ts'
import { PATIENCE_MS, within } from './run-leave.ts'
import type { InnerSink, OwnReports, PipelineSink, Written } from './run-resume.ts'
import { createSpoolSaves } from './spool-saves.ts'
import type { Spool } from './spool.ts'

/** What waits for a sink that asks for no more. */
const LANE_BYTES = 128 * 1024

/** How often it is waited for a moment of rest. */
const MOST_POSTPONED = 20

export type LifePorts = {
  run: Run
  spool: Spool
  known: SinkState
  signal: AbortSignal
  open(written: Written | null, reports: OwnReports): Promise<InnerSink>
  /** Does something while nothing is added to the spool. */
  inTurn<T>(act: () => Promise<T>): Promise<T>
  /** From here on the sink gets its batches without the spool. */
  takeOver(inner: InnerSink): Promise<void>
  moved(at: { durable: Position | null; passed: Position }): void
  released(): void
}

/** One life of the sink behind a spool, from its opening to its first failure, or until it took over. */
export type Life = { inner: InnerSink; lane: Lane; feed(): Promise<void>; close(): Promise<void> }

export async function openLife(part: PipelineSink, ports: LifePorts): Promise<Life> {
  const { run, spool, known, signal, inTurn } = ports
  const failure = createDeferred<never>()
  failure.promise.catch(() => {})
  let lane: Lane | null = null
  let isTakenOver = false
  let passed: Position = ''
  let movement = createDeferred<void>()
  let postponed = 0
  let isOver = false
  const { record, held } = spool.first.place
  const inner = await ports.open(record && { held, durable: record.position }, {
    durable: (position) => lane?.moveDurable(position),
    failed: (error) => (lane ? lane.fail(error) : failure.reject(error)),
  })
  if (held !== null && (inner.record === null || inner.record.position < held)) {
    await inner.sink[Symbol.asyncDispose]()
    const position = inner.record?.position ?? 'its beginning'
    throw new MillraceError('GAP_SINK_BEHIND', { sink: part.name, position, acknowledged: held })
  }
  const reader = spool.read()
  const writing = new AbortController()
  const own = new Lane({
    name: part.name,
    sink: inner.sink,
    record: inner.record,
    from: record?.position ?? '',
    held,
    keepsRecord: false,
    wholeTransactions: part.wholeTransactions ?? false,
    boundBytes: Math.min(run.options.batch.maxBytes, LANE_BYTES),
    maxWaitMs: run.options.batch.maxWaitMs,
    clock: run.clock,
    signal: writing.signal,
    onMoved() {
      saves.moved()
      movement.resolve()
      movement = createDeferred()
      // Rows from before the sink's own position are given as standing at it: that it stands there says nothing of them.
      if (own.isLevel && own.passed > (inner.record?.position ?? '')) passed = own.passed
      ports.moved({ durable: own.durable, passed })
    },
    onFailed: failure.reject,
  })
  lane = own
  const saves = createSpoolSaves({
    lane: own,
    opened: inner.record?.position ?? null,
    known,
    spool,
    given: () => reader.segment,
    released: ports.released,
    failed: failure.reject,
    clock: run.clock,
    signal: writing.signal,
  })

  async function give(batch: Batch): Promise<void> {
    const room = own.room()
    if (room) await Promise.race([orAborted(room, signal), failure.promise])
    if (!isHeldWhole(inner, batch)) own.push(batch)
  }

  /**
   * Nothing is added while the sink takes over, so it should have little to do then: a sink that hangs just there would hold up all. Under a
   * load that never rests it is done all the same.
   */
  function isReady(): boolean {
    const isDue = own.isLevel || inner.sink.hasPending !== undefined || postponed >= MOST_POSTPONED
    postponed = isDue ? 0 : postponed + 1
    return isDue
  }

  const failed = (): Lane['failure'] => own.failure

  async function tryToTakeOver(): Promise<boolean> {
    // Its turn may come when this life is over.
    if (spool.isCut || isOver || failed()) return false
    await spool.mark()
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) await give(batch)
    await Promise.race([orAborted(own.drain(), signal), failure.promise])
    const broken = failed()
    if (broken) throw broken.error
    if (isOver) return false
    // From here on the sink is open for others, also where this life is ended meanwhile.
    isTakenOver = true
    await saves.finish()
    await ports.takeOver(inner)
    return true
  }

  /** Its turn may not come as long as the disk is full; room comes only of going on with what was added meanwhile. */
  async function takesOver(more: Promise<void>): Promise<boolean> {
    const attempt = { isBegun: false, isDropped: false }
    const over = inTurn(async () => {
      if (attempt.isDropped) return false
      attempt.isBegun = true
      return tryToTakeOver()
    })
    await Promise.race([orAborted(over, signal), more, failure.promise])
    attempt.isDropped = !attempt.isBegun
    return attempt.isDropped ? false : Promise.race([orAborted(over, signal), failure.promise])
  }

  return {
    inner,
    lane: own,
    async feed() {
      for (const control of spool.first.told) await give(control)
      for (;;) {
        signal.throwIfAborted()
        const more = spool.more()
        const batch = await reader.next()
        if (batch !== null) {
          await give(batch)
          continue
        }
        // The reader has only now come past what may have been durable for a while.
        saves.moved()
        if (!isReady()) await Promise.race([orAborted(more, signal), movement.promise, failure.promise])
        else if (await takesOver(more)) return
        else await Promise.race([orAborted(more, signal), failure.promise])
      }
    },
    async close() {
      isOver = true
      // What it was given may still become durable, but nobody waits long for a sink that was set aside.
      if (!isTakenOver && own.failure === null) await within(PATIENCE_MS, own.drain().then(saves.finish))
      writing.abort()
      await reader.close()
      if (!isTakenOver)
        run.closing.set(
          part.name,
          Promise.resolve(inner.sink[Symbol.asyncDispose]()).catch(() => {}),
        )
    },
  }
}

/** Whether it belongs to a copy that the sink holds whole: the spool may have been begun when that was not known yet. */
function isHeldWhole({ record }: InnerSink, batch: Batch): boolean {
  if (record === null || batch.kind === 'changes') return false
  const end = (begin: string) => record.chunks.includes(`${begin}/end`)
  if (batch.kind === 'control' && batch.event === 'snapshot-begin') return end(`${tableName(batch.table)}/${batch.generation}`)
  return 'chunk' in batch && end(batch.chunk.slice(0, batch.chunk.lastIndexOf('/')))
}
