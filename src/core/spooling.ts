import type { Batch } from '../contracts/batch.ts'
import type { Position } from '../contracts/position.ts'
import type { SinkRecord, SinkState } from '../contracts/sink.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { orAborted } from '../lib/or-aborted.ts'
import type { HoldableSink } from './hold-sink.ts'
import type { Run, SpoolSettings } from './pipeline.ts'
import { startDrain, type Drain } from './spool-drain.ts'
import type { Place } from './spool-place.ts'
import { openSpool } from './spool.ts'
import { openInner, type InnerSink, type OwnReports, type PipelineSink } from './run-resume.ts'

const SEGMENT_BYTES = 64 * 1024 * 1024

export type SpoolingPorts = {
  run: Run
  /** What the sink is known to hold. */
  base: Place
  /** Where that is written down. */
  known: SinkState
  settings: SpoolSettings
  reports: OwnReports
}

/** What the session that it is part of does for it. */
export type SpoolingSession = {
  /** The lane's steps until now are not the sink's. */
  handedOver(): void
  /** The lane takes nothing more: the log keeps it. */
  pause(): void
  /** The next session gives the lane what it lacks. */
  restart(error: MillraceError): void
  /** The sink itself moved. */
  moved(): void
  /** Something failed that is not the sink's own. */
  failed(error: unknown): void
}

export type SinkStateName = 'direct' | 'spooling' | 'stopped' | 'full' | 'paused'

/**
 * A sink that was set aside. To its lane it is a sink that holds what lies durably on disk; a drain of its own gives that to the sink
 * itself, in order, opening it again as often as it takes. When the sink has it all, batches go straight to it again.
 */
export type Spooling = {
  sink: HoldableSink
  letters: InnerSink['letters']
  /** What it holds, or will. */
  record: SinkRecord | null
  /** Whether batches go to the disk. */
  readonly isSpooling: boolean
  readonly state: SinkStateName
  readonly bytes: number
  readonly error: MillraceError | null
  /** What the sink itself holds; null where its lane says it. */
  readonly inner: { durable: Position | null; passed: Position } | null
  /** Whether its lane waits for room on disk, which may never come. */
  readonly isWaiting: boolean
  want(position: Position): void
  start(session: SpoolingSession): void
  /** Ends the drain; what lies on disk stays. */
  stop(): Promise<void>
}

export async function openSpooling(part: PipelineSink, ports: SpoolingPorts): Promise<Spooling> {
  const { run, base, settings, reports } = ports
  const { name } = part
  const folder = settings.folderOf(name)
  const segmentBytes = Math.min(SEGMENT_BYTES, Math.ceil(settings.maxBytes / 8))
  const { wholeTransactions = false } = part
  const spool = await run.disk.do(() => openSpool({ sink: name, folder, base, segmentBytes, wholeTransactions }))
  const { record } = spool.place
  const ending = new AbortController()
  let session: SpoolingSession | null = null
  let drain: Drain | null = null
  let direct: InnerSink | null = null
  let state: SinkStateName = 'spooling'
  let turn: Promise<unknown> = Promise.resolve()

  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const acted = turn.then(act)
    turn = acted.catch(() => {})
    return acted
  }

  async function write(batch: Batch, signal: AbortSignal): Promise<'accepted' | 'durable'> {
    if (direct) return direct.sink.write(batch, signal)
    // Who comes later than that is not waited for any more, and the next session may have the files open.
    ending.signal.throwIfAborted()
    if (spool.bytes >= settings.maxBytes) await whenFull(AbortSignal.any([signal, ending.signal]))
    await spool.append(batch)
    return 'accepted'
  }

  async function flush(signal: AbortSignal): Promise<void> {
    if (direct) return direct.sink.flush(signal)
    ending.signal.throwIfAborted()
    return spool.mark()
  }

  async function whenFull(signal: AbortSignal): Promise<void> {
    // What is not marked cannot be given on, so no room would ever come of it.
    if (spool.isCut) throw new MillraceError('SPOOL_CHUNK', { sink: name })
    await spool.mark()
    state = settings.whenFull === 'block' ? 'full' : 'paused'
    tellFull()
    if (state === 'paused') session?.pause()
    while (spool.bytes >= settings.maxBytes / 2) await orAborted(drain?.released() ?? spool.more(), signal)
    if (state === 'paused') {
      session?.restart(new MillraceError('SINK_ROOM_AGAIN', { sink: name }))
      await orAborted(new Promise(() => {}), signal)
    }
    state = 'spooling'
  }

  function tellFull(): void {
    const what = { block: 'all sinks wait for it', 'pause-sink': 'the database keeps its log for it' }
    const message = `The disk space for the sink ${name} (spool.maxSize) is used up; from here on ${what[settings.whenFull]}.`
    run.options.report({ event: 'warning', code: 'SPOOL_FULL', message, fields: { sink: name, bytes: spool.bytes } })
  }

  function start(own: SpoolingSession): void {
    session = own
    drain = startDrain(part, {
      ...ports,
      spool,
      moved: own.moved,
      failed: own.failed,
      signal: ending.signal,
      open: (written, inner) =>
        openInner(part, {
          run,
          written,
          reports: {
            durable: (position) => (direct ? reports : inner).durable(position),
            failed: (error) => (direct ? reports : inner).failed(error),
          },
        }),
      inTurn,
      async takeOver(inner) {
        own.handedOver()
        await spool.clear()
        direct = inner
        state = 'direct'
        const aside = run.aside.get(name)
        if (aside) run.aside.set(name, { ...aside, isAside: false })
        run.options.log.info('sink-level', { sink: name })
        const end = spool.place.record?.position
        // A sink that is durable later is not flushed by its lane: it says itself that it has everything.
        if (end !== undefined && inner.sink.hasPending !== undefined) reports.durable(end)
        own.moved()
      },
    })
  }

  const current = () => direct ?? drain?.inner ?? null
  const gone = () => new MillraceError('SINK_ASIDE', { sink: name })

  const sink: HoldableSink = {
    resume: async () => record,
    write: (batch, signal) => inTurn(() => write(batch, signal)),
    flush: (signal) => inTurn(() => flush(signal)),
    get batchBytes() {
      return direct?.sink.batchBytes ?? 0
    },
    get gatherMs() {
      return direct?.sink.gatherMs ?? 0
    },
    get hasPending() {
      return direct?.sink.hasPending
    },
    async furthest() {
      const inner = await openInner(part, { run, written: null, reports: { durable() {}, failed() {} } })
      const own = await Promise.resolve(inner.sink.furthest?.()).finally(() => inner.sink[Symbol.asyncDispose]())
      return [own ?? '', record?.position ?? ''].sort().at(-1) || null
    },
    ...(part.isReadable && {
      async *scan(...read: Parameters<NonNullable<HoldableSink['scan']>>) {
        const scan = current()?.sink.scan
        if (!scan) throw gone()
        yield* scan(...read)
      },
    }),
    async hold() {
      const inner = current()
      if (inner === null) throw gone()
      return inner.sink.hold()
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await drain?.over
      if (direct) return direct.sink[Symbol.asyncDispose]()
      await spool.close()
    },
  }

  return {
    sink,
    letters: {
      retry: async (letters) => {
        const inner = current()
        if (!inner?.letters) throw gone()
        return inner.letters.retry(letters)
      },
      admit(places) {
        const inner = current()
        if (!inner?.letters) throw gone()
        inner.letters.admit(places)
      },
      release: (letters) => current()?.letters?.release(letters),
    },
    record,
    get isSpooling() {
      return direct === null
    },
    get state() {
      return state !== 'direct' && drain?.failing?.isStopped ? 'stopped' : state
    },
    get bytes() {
      return direct ? 0 : spool.bytes
    },
    get error() {
      return direct ? null : (drain?.failing?.error ?? null)
    },
    get inner() {
      return direct ? null : (drain?.place ?? { durable: base.record?.position ?? null, passed: base.record?.position ?? '' })
    },
    get isWaiting() {
      return state === 'full' || state === 'paused'
    },
    want: (position) => drain?.want(position),
    start,
    async stop() {
      ending.abort()
      await drain?.over
      // In direct mode it is the sink that is waited for, by the lane.
      if (direct === null) await turn
    },
  }
}
