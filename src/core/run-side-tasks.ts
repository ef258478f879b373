import { retryLetters, type RetryPorts } from './dead-letter-retry.ts'
import { tableName, type Table } from '../contracts/table.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import { answerRequests } from './requests.ts'
import { canBeAside } from './run-aside.ts'
import type { Lane } from './lane.ts'
import { standingOfLane, type LivePipeline, type SinkStanding } from './run-live.ts'
import type { Session } from './run-open.ts'
import type { Following } from './run-following.ts'
import { passing, reachEnd, reportProgress, watchHealth, watchSlowSinks } from './run-watch.ts'
import type { Snapshots } from './snapshot.ts'
import { keysBefore } from './transformed-source.ts'

const DISCOVER_EVERY_MS = 10_000

/** What goes on beside the reading, until the session stops taking batches. */
export function startSideTasks(following: Following, snapshots: Snapshots): void {
  const { run, session, lanes, watermark, stop, failed } = following
  const { options, clock } = run
  const { source } = session
  const signal = following.taking.signal
  const watch = (part: string, task: Promise<void>) => {
    task.catch((error: unknown) => {
      if (!signal.aborted) failed(part)(error)
    })
  }

  watch(
    'source',
    reachEnd(options, { source, snapshots, watermark, clock }, signal).then((position) => {
      if (position === null) return
      options.report({ event: 'caught-up', position })
      stop({ why: 'until', position })
    }),
  )
  watch('source', reportCopied(following, snapshots))
  watch('source', discover(following, snapshots))
  watch('source', watchHealth({ source, report: options.report, clock }, signal))
  watch('pipeline', reportProgress({ source, current: () => progressOf(following), report: options.report, clock }, signal))
  const { patienceMs } = options.spool ?? {}
  const isCopying = () => snapshots.isCopying()
  // One that waits for room on disk is slow for a reason that is known.
  const maySetAside = async (name: string) => spoolingOf(session, name)?.isWaiting !== true && (await canBeAside(run, name))
  if (patienceMs !== undefined) watch('pipeline', watchSlowSinks({ lanes, isCopying, maySetAside, patienceMs, clock }, signal))
  const handlers = options.handlers?.(liveView(following, snapshots))
  if (handlers !== undefined) watch('state', answerRequests({ state: options.state, handlers, log: options.log, clock }, signal))
}

async function reportCopied({ run, taking }: Following, snapshots: Snapshots): Promise<void> {
  if (!snapshots.isCopying()) return
  const startedMs = run.clock.now()
  await snapshots.idle()
  if (!taking.signal.aborted) run.options.report({ event: 'snapshot-done', seconds: (run.clock.now() - startedMs) / 1000 })
}

/** Looks now and then for tables that joined, which get a copy of their own, or left. */
async function discover(following: Following, snapshots: Snapshots): Promise<void> {
  const { options, clock } = following.run
  const signal = following.taking.signal
  for (;;) {
    await clock.sleep(options.discoverEveryMs ?? DISCOVER_EVERY_MS, signal)
    if (signal.aborted) return
    const found = await transientIsNothing(() => following.session.source.discover(following.tables))
    if (found === null || signal.aborted) continue
    const { joined, left } = found
    // A table made again under its name joins after the one before has left.
    if (left.length > 0) await part(following, snapshots, left)
    if (joined.length > 0) await join(following, snapshots, joined)
  }
}

async function join(following: Following, snapshots: Snapshots, joined: readonly Table[]): Promise<void> {
  const ids = new Set(joined.map((table) => table.id))
  following.tables = [...following.tables, ...joined]
  // One that left and is back keeps its rows: the new generation brings them up to date.
  following.left = following.left.filter(({ table }) => !ids.has(table.id))
  following.run.options.report({ event: 'tables-joined', tables: joined.map(tableName) })
  await snapshots.add(joined)
}

async function part(following: Following, snapshots: Snapshots, left: readonly Table[]): Promise<void> {
  const gone = new Set(left.map((table) => table.id))
  following.tables = following.tables.filter((table) => !gone.has(table.id))
  following.run.options.report({ event: 'tables-left', tables: left.map(tableName) })
  await snapshots.remove(left)
  const after = await following.session.source.head()
  following.left.push(...left.map((table) => ({ table, after })))
}

/** A connection lost while looking is no reason to stop: the stream notices by itself, and the next look opens its own. */
async function transientIsNothing<T>(look: () => Promise<T>): Promise<T | null> {
  try {
    return await look()
  } catch (error) {
    if (toMillraceError(error).kind === 'transient') return null
    throw error
  }
}

function progressOf({ run, session, lanes }: Following) {
  const sinks = lanes.map((lane) => standingOfLane(lane, spoolingOf(session, lane.name)))
  const position = sinks.map((sink) => sink.durable ?? '').sort()[0] || null
  const { rows, bytes: copyBytes } = run.copied.total()
  const { changes, bytes, commitTimeUs } = run.followed.now
  return { event: 'progress' as const, changes, rows, bytes: bytes + copyBytes, position, commitTimeUs, sinks }
}

const spoolingOf = (session: Session, name: string) => session.sinks.find((open) => open.name === name)?.spooling ?? null

function standingIn(session: Session, lane: Lane): SinkStanding {
  const spooling = spoolingOf(session, lane.name)
  const { code, message } = spooling?.error ?? {}
  const error = code === undefined || message === undefined ? null : { code, message }
  return { ...standingOfLane(lane, spooling), state: spooling?.state ?? 'direct', error }
}

function liveView(following: Following, snapshots: Snapshots): LivePipeline {
  const { session, lanes, watermark, run } = following
  const { source } = session
  return {
    source,
    state: run.options.state,
    signal: following.taking.signal,
    sink: (name) => session.sinks.find((sink) => sink.name === name)?.sink ?? null,
    hold: (name) => session.sinks.find((sink) => sink.name === name)?.sink.hold() ?? null,
    tables: () => following.tables,
    isCopying: () => snapshots.isCopying(),
    lanes: () => lanes.map((lane) => standingIn(session, lane)),
    health: () => source.health(),
    letterCount: async () => (await run.options.state.deadLetters.list()).length,
    retryLetters: (ids) => retryLetters(retryPorts(following, snapshots), ids),
    dropLetters: (ids) => dropLetters(following, ids),
    passed: (position, signal, sink) =>
      passing(position, { source, watermark, clock: run.clock, ...(sink === undefined ? {} : { sink }) }, signal),
  }
}

function retryPorts(following: Following, snapshots: Snapshots): RetryPorts {
  const { run, session, watermark } = following
  const { source, sinks } = session
  const { transforms } = run.options
  const parts = new Map(run.options.sinks.map((part) => [part.name, part]))
  return {
    letters: run.options.state.deadLetters,
    sinks: sinks.map(({ name, letters }) => {
      const { shape = 'changes', takesLate = false } = parts.get(name) ?? {}
      return { name, shape, takesLate, letters }
    }),
    // What a sink holds of a key that transforms made anew names no row of the source: nothing could be read by it.
    tables: () => following.tables.filter((table) => !transforms || keysBefore(transforms.chain(table), []) !== null),
    rereadKeys: snapshots.rereadKeys,
    async settled(sink) {
      // It may never be, where the session ends.
      await orAborted(snapshots.idle(), following.taking.signal)
      await passing(await source.head(), { source, watermark, clock: run.clock, sink }, following.taking.signal)
      following.taking.signal.throwIfAborted()
    },
  }
}

async function dropLetters({ run, session }: Following, ids: readonly number[]): Promise<void> {
  const { deadLetters } = run.options.state
  for (const { id, sink, place } of await deadLetters.list({ ids })) {
    const content = await deadLetters.content(id)
    await deadLetters.remove([id])
    if (content) session.sinks.find(({ name }) => name === sink)?.letters?.release([{ place, content }])
  }
}
