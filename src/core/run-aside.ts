import { existsSync } from 'node:fs'
import type { SinkRecord, SinkState } from '../contracts/sink.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { toMillraceError, type MillraceError } from '../errors/millrace-error.ts'
import type { PipelineOptions, Run, SpoolSettings } from './pipeline.ts'
import { retryDelayMs, retryLevel } from './retry.ts'
import type { PartFailure } from './run-failure.ts'
import { openInner, recall, type Memory, type OpenSink, type OwnReports, type PipelineSink, type Written } from './run-resume.ts'
import { removeSpool } from './spool.ts'
import { openSpooling } from './spooling.ts'

/** A sink's failures in a row. `isAside`: the pipeline goes on without it. `isStopped`: it is not tried again in this run. */
export type Aside = { isAside: boolean; isStopped: boolean; error: MillraceError; attempts: number; lastMs: number; dueMs: number }

type Opened = Pick<OpenSink, 'sink' | 'letters' | 'record' | 'known' | 'spooling'>
type Ports = { run: Run; memory: Memory; written: Written | null; reports: OwnReports }

/** A sink that failed longer ago than this has worked since. */
const FORGET_FAILURES_MS = 60_000
/** These ask for something of the whole pipeline, or say that something is missing: nothing goes on. */
export const OF_ALL = /^(?:DEAD_LETTER|SPOOL_|GAP_)/

/** Where a copy of the record of a sink that keeps its own lies: a sink that cannot be asked is known by it. */
export const knownName = (sink: string) => `${sink}/known`

/**
 * Whether the pipeline can go on without the part that failed: then it is set aside, and the next session keeps its batches on disk.
 *
 * It needs to be known what the sink holds at the least, so it was open once. A run that ends by itself waits for all its sinks, so what needs
 * somebody stops it; where nobody waits for an end, only that sink stops.
 */
export async function setAside(run: Run, { part: name, error }: PartFailure): Promise<boolean> {
  const part = run.options.sinks.find((sink) => sink.name === name)
  if (!run.options.spool || !part || run.options.signal.aborted) return false
  if (error.code === 'SINK_ROOM_AGAIN') return true
  const isStopped = error.kind !== 'transient'
  if (OF_ALL.test(error.code) || (isStopped && !mayStop(run.options, error))) return false
  if (!(await canBeAside(run, name))) return false
  noteFailure(run, name, { error, isStopped })
  return true
}

/** Whether the others go on while what is wrong with one sink waits for somebody. */
export function mayStop({ until, mode }: PipelineOptions, { kind }: MillraceError): boolean {
  return (kind === 'operator' || kind === 'config') && !until && mode !== 'snapshot'
}

/** Whether the pipeline can go on without it, whatever it is that it has. */
export async function canBeAside(run: Run, name: string): Promise<boolean> {
  const part = run.options.sinks.find((sink) => sink.name === name)
  return part !== undefined && isKnown(run, part, await recall(run.options.state))
}

/** Counts it, and says when the sink is tried again. */
export function noteFailure(run: Run, name: string, { error, isStopped }: { error: MillraceError; isStopped: boolean }): Aside {
  const nowMs = run.clock.now()
  const earlier = run.aside.get(name)
  const isRow = earlier !== undefined && nowMs - earlier.lastMs <= FORGET_FAILURES_MS
  const attempts = isRow ? earlier.attempts : 0
  const delayMs = Math.max(retryDelayMs(attempts), error.retryAfterMs ?? 0)
  const aside = { isAside: true, isStopped, error, attempts: attempts + 1, lastMs: nowMs + delayMs, dueMs: nowMs + delayMs }
  run.aside.set(name, aside)
  if (isStopped) tellStopped(run, name, error)
  else tellRetry(run, name, { error, attempts, delayMs })
  return aside
}

function tellRetry(run: Run, part: string, at: { error: MillraceError; attempts: number; delayMs: number }): void {
  const { error, attempts, delayMs } = at
  const level = retryLevel(attempts)
  run.options.report({
    event: 'retry',
    level,
    part,
    attempt: attempts + 1,
    delayMs,
    code: error.code,
    message: error.message,
    isAside: true,
  })
  run.options.log[level]('retry', { part, attempt: attempts + 1, delayMs, code: error.code, reason: error.message })
}

function tellStopped({ options }: Run, sink: string, { code, message }: MillraceError): void {
  options.log.error('sink-stopped', { sink, code, reason: message })
  const text = `The sink ${sink} stopped and the others go on: ${message} Run again once that is mended; until then its changes are kept.`
  options.report({ event: 'warning', code: 'SINK_STOPPED', message: text, fields: { sink, code } })
}

/** Opens one sink, or what stands for it: where it was set aside, left something on disk, or cannot be opened now. */
export async function openAside(part: PipelineSink, ports: Ports): Promise<Opened> {
  const { run, memory, written, reports } = ports
  const { spool, state } = run.options
  if (!spool) return { ...(await openInner(part, { run, written, reports })), known: null, spooling: null }
  const known = part.keepsRecord ? state.sink(knownName(part.name)) : null
  const folder = spool.folderOf(part.name)
  const mayBe = await isKnown(run, part, memory)
  if (!mayBe) await run.disk.do(() => removeSpool(folder))
  const aside = run.aside.get(part.name)
  if (mayBe && (aside?.isAside || existsSync(folder))) return spooled(part, ports, spool)
  try {
    await run.closing.get(part.name)
    const inner = await openInner(part, { run, written, reports })
    await rememberKnown(state, part, inner.record)
    return { ...inner, known, spooling: null }
  } catch (caught) {
    const error = toMillraceError(caught)
    if (!mayBe || error.kind !== 'transient' || OF_ALL.test(error.code)) throw caught
    noteFailure(run, part.name, { error, isStopped: false })
    return spooled(part, ports, spool)
  }
}

async function spooled(part: PipelineSink, { run, written, reports }: Ports, settings: SpoolSettings): Promise<Opened> {
  const { state } = run.options
  const known = part.keepsRecord ? state.sink(knownName(part.name)) : null
  const base = { record: await (known ?? state.sink(part.name)).load(), held: written?.held ?? null }
  const spooling = await openSpooling(part, { run, base, known: known ?? state.sink(part.name), settings, reports })
  return { sink: spooling.sink, letters: spooling.letters, record: spooling.record, known, spooling }
}

/** Whether it is known what it holds at the least: it was open under this state, and nothing is being begun anew. */
async function isKnown({ options, isRepairWanted }: Run, part: PipelineSink, memory: Memory): Promise<boolean> {
  if (memory.log === null || isRepairWanted || memory.isRepairing) return false
  if (options.spool && existsSync(options.spool.folderOf(part.name))) return true
  if (memory.acknowledged?.sinks[part.name] === undefined && memory.began[part.name] !== undefined) return true
  return (await options.state.sink(part.keepsRecord ? knownName(part.name) : part.name).load()) !== null
}

/** What a sink says of itself as it is opened is the truth, whatever was known of it. */
async function rememberKnown(state: StateStore, { name, keepsRecord }: PipelineSink, record: SinkRecord | null): Promise<void> {
  if (!keepsRecord) return
  const known: SinkState = state.sink(knownName(name))
  await state.forgetSink(knownName(name))
  if (record !== null) await known.save({ ...record, data: null })
}
