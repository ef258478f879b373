import type { Holder, Source } from '../contracts/source.ts'
import type { WaitingEvent } from '../telemetry/pipeline-event.ts'
import type { Run } from './pipeline.ts'
import { inPart } from './run-failure.ts'

const LOOK_EVERY_MS = 1000

/** `source.begin`: it waits for transactions of others, however long, and says so meanwhile. */
export function beginTold(run: Run, source: Source): ReturnType<Source['begin']> {
  return told(
    run,
    () => source.begin(),
    async (waitedMs) => {
      const holders = await source.snapshots.holders(await source.snapshots.running())
      // Who came after the slot was asked for is not waited for.
      const older = holders.filter(({ ageMs }: Holder) => ageMs >= waitedMs)
      return { event: 'waiting', what: 'slot-made', waitedMs, holders: older, pid: null }
    },
  )
}

/** `source.inspect`: it waits a while for another reader of the slot. */
export function inspectTold(run: Run, source: Source, inspect: () => ReturnType<Source['inspect']>): ReturnType<Source['inspect']> {
  return told(run, inspect, async (waitedMs) => {
    const { active, readerPid } = await source.health()
    return active ? { event: 'waiting', what: 'slot-read', waitedMs, holders: [], pid: readerPid ?? null } : null
  })
}

/** Looks once a second, on another connection, what is being waited for. A look that fails says nothing: the work itself will. */
async function told<T>(run: Run, work: () => Promise<T>, look: (waitedMs: number) => Promise<WaitingEvent | null>): Promise<T> {
  const over = new AbortController()
  const startedMs = run.clock.now()
  const watch = async () => {
    for (;;) {
      await run.clock.sleep(LOOK_EVERY_MS, over.signal)
      if (over.signal.aborted) return
      const event = await look(run.clock.now() - startedMs).catch(() => null)
      if (event !== null && !over.signal.aborted) run.options.report(event)
    }
  }
  void watch()
  return inPart('source', work).finally(() => over.abort())
}
