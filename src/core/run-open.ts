import type { Position, TransactionId } from '../contracts/position.ts'
import type { LogState, Source } from '../contracts/source.ts'
import { decideResume, type SinkStanding } from './decide-resume.ts'
import type { Run } from './pipeline.ts'
import { beginTold, inspectTold } from './run-begin.ts'
import { inPart } from './run-failure.ts'
import { knownName } from './run-aside.ts'
import { openSinks, recall, rememberBegan, rememberLog, standingOf, type Memory, type OpenSink, type SinkReports } from './run-resume.ts'
import { rememberStride } from './run-stride.ts'
import { warning } from './run-watch.ts'
import { stridedSource } from './strided-source.ts'

/** Source and sinks, open, and where to go on. */
export type Session = {
  source: Source
  sinks: readonly OpenSink[]
  from: Position
  act: 'start' | 'adopt' | 'continue' | 'repair'
  /** What `begin` returned; null where it was not called. */
  running: readonly TransactionId[] | null
}

/** Opens everything and decides. Where it throws, everything is closed again. */
export async function openSession(run: Run, reports: SinkReports): Promise<Session> {
  const { options } = run
  const source = await openSource(options)
  let sinks: readonly OpenSink[] = []
  try {
    const memory = await recall(options.state)
    const log = await inspectTold(run, source, () => source.inspect(memory.log?.timeline))
    run.reached()
    // Once it has begun, what a sink refuses stops it where it comes: before, nothing was made yet.
    if (memory.log === null) await inPart('source', async () => options.checkTables?.())
    sinks = await openSinks(options.sinks, { run, memory, reports })
    await rememberStride(options, sinks)
    const session =
      run.isRepairWanted || memory.isRepairing ? await repair(run, { source, sinks }) : await resume(run, { source, sinks, log, memory })
    // From here on a sink without a checkpoint is known to need everything after `from`, however far the others get.
    await rememberBegan(options.state, session.sinks, session.from)
    return session
  } catch (error) {
    await closeSession({ source, sinks })
    throw error
  }
}

/** Where one change may become several, ordinals leave room for them. */
async function openSource({ source: open, transforms }: Run['options']): Promise<Source> {
  const source = await inPart('source', open)
  return transforms?.splits ? stridedSource(source) : source
}

async function resume(run: Run, open: Pick<Session, 'source' | 'sinks'> & { log: LogState; memory: Memory }): Promise<Session> {
  const { options } = run
  const { source, sinks, log, memory } = open
  const decided = decideResume({
    log,
    sinks: await Promise.all(sinks.map((sink) => standingAt(sink, { log, memory }))),
    remembered: memory.log,
    slotName: options.slotName,
    mode: options.mode,
  })
  if (memory.log !== null && log.timeline > memory.log.timeline) {
    options.report(
      warning('TIMELINE_CHANGED', 'The database failed over; its slot still has everything that the sinks lack.', {
        timeline: log.timeline,
      }),
    )
  }
  await rememberLog(options.state, log)
  // What a sink may hold without a record is of no log that we followed.
  if (decided.act === 'start' || (decided.act === 'adopt' && memory.log === null)) await tellAnew(sinks)
  if (decided.act !== 'start') return { source, sinks, from: decided.from, act: decided.act, running: null }
  // What earlier sinks began at was another slot's.
  await options.state.set({ began: {} })
  const { position, running } = await beginTold(run, source)
  return { source, sinks: sinks.map(asNew), from: position, act: 'start', running }
}

/** How far a sink is in all is of use only where the log may have been left before it. */
async function standingAt(open: OpenSink, { log, memory }: { log: LogState; memory: Memory }): Promise<SinkStanding> {
  const isFailedOver = memory.log !== null && log.timeline > memory.log.timeline
  const furthest = isFailedOver ? await inPart(open.name, async () => open.sink.furthest?.()) : null
  return { ...standingOf(open), furthest: furthest ?? null }
}

async function tellAnew(sinks: readonly OpenSink[]): Promise<void> {
  for (const { name, sink } of sinks) await inPart(name, async () => sink.beginAnew?.())
}

const asNew = (sink: OpenSink): OpenSink => ({ ...sink, began: null })

/**
 * A new slot under the present sinks. Written down before the old slot goes: until a sink has a checkpoint on the new one
 * (`settled` clears the fact), a restart finds nothing to continue from and repairs again.
 */
async function repair(run: Run, open: Pick<Session, 'source' | 'sinks'>): Promise<Session> {
  const { state } = run.options
  await state.set({ repair: true, acknowledged: null, began: {} })
  for (const { name, known } of open.sinks) if (known !== null) await state.forgetSink(knownName(name))
  await inPart('source', () => open.source.end())
  const { position, running } = await beginTold(run, open.source)
  await rememberLog(state, await inPart('source', () => open.source.inspect()))
  await tellAnew(open.sinks)
  run.isRepairWanted = false
  return { ...open, from: position, act: 'repair', running }
}

/**
 * What a sink holds, for its lane. Under a new slot its old position says nothing (it may even be another server's):
 * everything is delivered to it.
 */
export function laneRecord({ act }: Session, sink: OpenSink): Pick<OpenSink, 'record' | 'held'> {
  return act === 'repair' ? { record: null, held: null } : sink
}

/** A sink that hangs is not waited for, only by who opens it again. */
export async function closeSession(
  { source, sinks }: Pick<Session, 'source' | 'sinks'>,
  hanging?: { run: Run; sinks: ReadonlySet<string> },
): Promise<void> {
  const closing = sinks.map(({ name, sink }) => ({ name, closed: Promise.resolve(sink[Symbol.asyncDispose]()).catch(() => {}) }))
  for (const { name, closed } of closing) hanging?.run.closing.set(name, closed)
  const awaited = closing.filter(({ name }) => !hanging?.sinks.has(name)).map(({ closed }) => closed)
  await Promise.allSettled([source[Symbol.asyncDispose](), ...awaited])
}
