import type { Position, TransactionId } from '../contracts/position.ts'
import type { Source } from '../contracts/source.ts'
import { decideResume } from './decide-resume.ts'
import type { Run } from './pipeline.ts'
import { inPart } from './run-failure.ts'
import { openSinks, recall, rememberLog, standingOf, type OpenSink } from './run-resume.ts'
import { warning } from './run-watch.ts'

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
export async function openSession(run: Run, durable: (name: string, position: Position) => void): Promise<Session> {
  const { options } = run
  const source = await inPart('source', options.source)
  let sinks: readonly OpenSink[] = []
  try {
    const log = await inPart('source', () => source.inspect())
    run.works('source')
    const memory = await recall(options.state)
    sinks = await openSinks(options.sinks, { state: options.state, memory, durable })
    if (run.isRepairWanted || memory.isRepairing) return await repair(run, { source, sinks })
    const resume = decideResume({ log, sinks: sinks.map(standingOf), remembered: memory.log, slotName: options.slotName })
    if (memory.log !== null && log.timeline > memory.log.timeline) {
      options.report(warning('TIMELINE_CHANGED', 'The database failed over; its slot still has everything.', { timeline: log.timeline }))
    }
    await rememberLog(options.state, log)
    if (resume.act !== 'start') return { source, sinks, from: resume.from, act: resume.act, running: null }
    const { position, running } = await inPart('source', () => source.begin())
    return { source, sinks, from: position, act: 'start', running }
  } catch (error) {
    await closeSession({ source, sinks })
    throw error
  }
}

/**
 * A new slot under the present sinks. Written down before the old slot goes: until a sink has a checkpoint on the new one
 * (`settled` clears the fact), a restart finds nothing to continue from and repairs again.
 */
async function repair(run: Run, open: Pick<Session, 'source' | 'sinks'>): Promise<Session> {
  const { state } = run.options
  await state.set({ repair: true, acknowledged: null })
  await inPart('source', () => open.source.end())
  const { position, running } = await inPart('source', () => open.source.begin())
  await rememberLog(state, await inPart('source', () => open.source.inspect()))
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

export async function closeSession({ source, sinks }: Pick<Session, 'source' | 'sinks'>): Promise<void> {
  await Promise.allSettled([source[Symbol.asyncDispose](), ...sinks.map(({ sink }) => sink[Symbol.asyncDispose]())])
}
