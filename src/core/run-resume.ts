import type { Position } from '../contracts/position.ts'
import type { Sink, SinkCapabilities, SinkContext, SinkRecord, SinkState } from '../contracts/sink.ts'
import type { LogState } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { createDeadLetterGuard, type DeadLetterGuard, type GuardedSink } from './dead-letter-guard.ts'
import { holdable, type HoldableSink } from './hold-sink.ts'
import type { Lane } from './lane.ts'
import type { RememberedLog, SinkStanding } from './decide-resume.ts'
import type { Run } from './pipeline.ts'
import { openAside } from './run-aside.ts'
import { inPart } from './run-failure.ts'
import type { Spooling } from './spooling.ts'

/** One sink of the pipeline, not yet open. */
export type PipelineSink = {
  name: string
  /** Whether `Sink.resume` is its own record; otherwise its checkpoint is kept in the state store. */
  keepsRecord: boolean
  /** What it keeps, as its capabilities say; left out: the log. */
  shape?: SinkCapabilities['shape']
  /** Whether it takes a change later than its place in the log. */
  takesLate?: boolean
  /** Whether it has `scan`. */
  isReadable?: boolean
  /** Whether no checkpoint of it may lie inside a transaction; see Format. */
  wholeTransactions?: boolean
  open(context: Pick<SinkContext, 'state' | 'durable' | 'failed'>): Promise<Sink>
}

/** What a sink says between calls. */
export type OwnReports = { durable(position: Position): void; failed(error: unknown): void }

/** What sinks say between calls. */
export type SinkReports = { durable(sink: string, position: Position): void; failed(sink: string, error: unknown): void }

/** `record`: what it holds durably. `held`: as last written down (see Lane). `began`: see SinkStanding. */
export type OpenSink = InnerSink & {
  name: string
  keepsRecord: boolean
  wholeTransactions: boolean
  held: Position | null
  began: Position | null
  /** Where what it holds is written down besides in itself; null where that is not needed. See run-aside.ts. */
  known: SinkState | null
  /** Where the sink is set aside, what takes its batches meanwhile; null otherwise. */
  spooling: Spooling | null
}

/** A sink as it is opened. `letters`: of dead letters; null where none are kept. */
export type InnerSink = {
  sink: HoldableSink
  letters: Pick<GuardedSink, 'retry' | 'admit' | 'release'> | null
  record: SinkRecord | null
}

/** What was written down of a sink as durable, and the end of the last batch of it that held anything. */
export type Written = { held: Position | null; durable: Position }

/** The fact `acknowledged`: written before anything is acknowledged on the strength of it. */
export type Acknowledged = { position: Position; sinks: Record<string, Written> }

/** The fact `began`: where each sink was first read for, written before the first batch is. */
export type Began = Readonly<Record<string, Position>>

export type Memory = { log: RememberedLog | null; acknowledged: Acknowledged | null; began: Began; isRepairing: boolean }

/** What the state store remembers of earlier runs. */
export async function recall(state: StateStore): Promise<Memory> {
  // Written by `rememberLog` and the settlement alone, so their shapes are ours.
  const log = (await state.get('log')) as { system: string; timeline: number } | null
  const acknowledged = (await state.get('acknowledged')) as Acknowledged | null
  const began = ((await state.get('began')) ?? {}) as Began
  const isRepairing = (await state.get('repair')) === true
  return { log: log && { ...log, acknowledged: acknowledged?.position ?? null }, acknowledged, began, isRepairing }
}

export async function rememberLog(state: StateStore, log: LogState): Promise<void> {
  await state.set({ log: { system: log.system, timeline: log.timeline } })
}

export async function rememberBegan(state: StateStore, sinks: readonly OpenSink[], from: Position): Promise<void> {
  const fresh = sinks.filter(({ record, began }) => record === null && began === null)
  if (fresh.length === 0) return
  const known = (await state.get('began')) as Began | null
  await state.set({ began: { ...known, ...Object.fromEntries(fresh.map(({ name }) => [name, from])) } })
}

/** Checkpoints come first: what is written down as reported was held before. Ends a repair too: every sink has a checkpoint on the new slot. */
export async function recordAcknowledged(
  state: StateStore,
  parts: { lanes: readonly Lane[]; sinks: readonly OpenSink[] },
  position: Position | null,
): Promise<void> {
  // All as of one moment: a lane that goes on meanwhile would be written down as further than the checkpoint saved for it.
  const standings = parts.lanes.map((lane) => ({ name: lane.name, held: lane.held, durable: lane.durable, step: lane.takeUnsaved() }))
  const places = standings.map(({ name }) => placeOf(state, { name, open: parts.sinks.find((sink) => sink.name === name) }))
  for (const [at, { step }] of standings.entries()) if (step !== null) await places[at]?.save({ ...step, data: null })
  if (position === null) return
  // `position` is the lowest of their durable positions, so none is null.
  const sinks = Object.fromEntries(standings.map(({ name, held, durable }) => [name, { held, durable: durable ?? position }]))
  await state.set({ acknowledged: { position, sinks } satisfies Acknowledged, repair: false })
}

/** Where a lane's steps are saved. What lies in a spool says how far it is by itself. */
function placeOf(
  state: StateStore,
  { name, open }: { name: string; open: Pick<OpenSink, 'known' | 'spooling'> | undefined },
): SinkState | null {
  return open?.spooling?.isSpooling ? null : (open?.known ?? state.sink(name))
}

/** Opens every sink and asks it what it holds. Where one fails, those already open are closed again. */
export async function openSinks(
  sinks: readonly PipelineSink[],
  ports: { run: Run; memory: Memory; reports: SinkReports },
): Promise<OpenSink[]> {
  const results = await Promise.allSettled(sinks.map((sink) => inPart(sink.name, () => openSink(sink, ports))))
  const opened = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failure = results.find((result) => result.status === 'rejected')
  if (failure === undefined) return opened
  await Promise.allSettled(opened.map(({ sink }) => sink[Symbol.asyncDispose]()))
  throw failure.reason
}

async function openSink(part: PipelineSink, ports: Parameters<typeof openSinks>[1]): Promise<OpenSink> {
  const { memory, reports, run } = ports
  const { name, keepsRecord, wholeTransactions = false } = part
  const written = memory.acknowledged?.sinks[name] ?? null
  const began = written?.durable ?? memory.began[name] ?? null
  const own = {
    durable: (position: Position) => reports.durable(name, position),
    failed: (error: unknown) => reports.failed(name, error),
  }
  const opened = await openAside(part, { run, memory, written, reports: own })
  return { name, keepsRecord, wholeTransactions, held: written?.held ?? null, began, ...opened }
}

/** Opens one sink and asks it what it holds. */
export async function openInner(part: PipelineSink, ports: { run: Run; written: Written | null; reports: OwnReports }): Promise<InnerSink> {
  const { reports, run } = ports
  const state = run.options.state.sink(part.name)
  const guard = guardOf(part, run)
  const failed = (error: unknown) => (guard ? guard.failedByItself(error, reports.failed) : reports.failed(error))
  const opened = await part.open({ state, durable: reports.durable, failed })
  const letters = guard?.open(opened, reports.failed) ?? null
  const sink = holdable(letters ?? opened)
  try {
    const own = await sink.resume()
    const stored = own === null && !part.keepsRecord ? await state.load() : null
    return { sink, letters, record: raised(own ?? stored, ports.written) }
  } catch (error) {
    await Promise.allSettled([sink[Symbol.asyncDispose]()])
    throw error
  }
}

/** One for the whole run: a session that ends by a refusal leaves the next one word of it. */
function guardOf({ name, keepsRecord, shape = 'changes', wholeTransactions }: PipelineSink, run: Run): DeadLetterGuard | null {
  const { deadLetters: book, guards, options } = run
  // A transaction that is told whole is not given in pieces.
  if (book === null || wholeTransactions) return null
  let guard = guards.get(name)
  if (guard === undefined) {
    guard = createDeadLetterGuard({ sink: name, keepsRecord, shape, book, warn })
    guards.set(name, guard)
  }
  return guard

  function warn(message: string, fields: { sink: string; table: string; code: string }): void {
    options.report({ event: 'warning', code: 'DEAD_LETTER', message, fields })
  }
}

/**
 * A sink may take no note of a batch without changes, so its record can lie before what we wrote down as durable, but
 * never before the last batch that held something. Between the two nothing was for it, so it stands at the later.
 */
function raised(record: SinkRecord | null, written: Written | null): SinkRecord | null {
  if (record === null || written === null || record.position >= written.durable) return record
  return written.held === null || record.position >= written.held ? { ...record, position: written.durable } : record
}

export function standingOf({ name, record, held, began }: OpenSink): SinkStanding {
  return { name, position: record?.position ?? null, reported: held, began }
}
