import type { Batch } from '../contracts/batch.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createDeferred } from '../lib/deferred.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { fanOut } from './fan-out.ts'
import { Lane } from './lane.ts'
import type { Run } from './pipeline.ts'
import { asPartFailure } from './run-failure.ts'
import type { Following, SessionEnd, Stop } from './run-following.ts'
import { createWatermark } from './run-live.ts'
import { closeSession, laneRecord, type Session } from './run-open.ts'
import { openOrLeave } from './run-patience.ts'
import { recordAcknowledged, type OpenSink } from './run-resume.ts'
import { startSideTasks } from './run-side-tasks.ts'
import { hangs, leave, PATIENCE_MS, within } from './run-leave.ts'
import { openTables } from './run-tables.ts'
import { warning } from './run-watch.ts'
import { createSettlement, lowestDurable } from './settle.ts'
import type { Snapshots } from './snapshot.ts'
import type { Transformation } from './transformation.ts'

/** What waits for a sink that asks for no more: enough that it never waits, little enough that V8 collects it young. */
const LANE_BYTES = 128 * 1024

/** A database file may have work to do when it is closed, and must be closed before it is opened again. */
const CLOSE_MS = 30_000

/** One life of the open source and sinks. Resolves when it was drained; throws a PartFailure when a part failed. */
export async function runSession(run: Run): Promise<SessionEnd> {
  const lanes: Lane[] = []
  const laneOf = (name: string) => lanes.find((lane) => lane.name === name)
  const session = await openOrLeave(run, {
    durable: (name, position) => laneOf(name)?.moveDurable(position),
    failed: (name, error) => laneOf(name)?.fail(error),
  })
  if (session === null) return leaveUnopened(run)
  try {
    return await follow(createFollowing(run, session, lanes))
  } finally {
    await within(CLOSE_MS, closeSession(session, { run, sinks: hangingIn(lanes) }), run.options.abort)
  }
}

function hangingIn(lanes: readonly Lane[]): ReadonlySet<string> {
  return new Set(lanes.filter(hangs).map(({ name }) => name))
}

function leaveUnopened({ options }: Run): SessionEnd {
  options.report(warning('DRAIN_ABORTED', 'The run ended before its parts were open; the next run goes on from what is durable.'))
  options.report({ event: 'stopped', position: null, health: null })
  return { end: 'aborted', position: null, health: null, example: null, deadLetters: 0 }
}

async function follow(following: Following): Promise<SessionEnd> {
  const { run, stop, stopped } = following
  const { signal, report } = run.options
  const onSignal = () => stop({ why: 'signal' })
  signal.addEventListener('abort', onSignal)
  if (signal.aborted) onSignal()
  const starting = start(following).catch(following.failed('source'))
  const end = await stopped
  signal.removeEventListener('abort', onSignal)
  report({ event: 'draining', reason: end.why })
  const { isDrained, failure } = await leave(following, starting)
  if (end.why === 'error') throw end.failure
  // Nothing is retried while draining: what is not durable now is the next run's. But caught up is only who holds it all.
  if (failure !== null && (failure.error.kind !== 'transient' || end.why === 'until')) throw failure
  if (!isDrained || failure !== null) return summarise(following, 'aborted')
  return summarise(following, end.why === 'until' ? 'caught-up' : 'drained')
}

async function start(following: Following): Promise<void> {
  const { run, session, lanes, failed } = following
  const { snapshots, tables } = await openTables(run, session, (event) => run.options.report(event))
  following.snapshots = snapshots
  following.tables = tables
  if (following.taking.signal.aborted) return
  run.options.report({
    event: 'started',
    act: session.act,
    from: session.from,
    tables: tables.length,
    sinks: lanes.map((lane) => lane.name),
  })
  run.followed.session()
  following.pumping = pump(following, snapshots)
  following.pumping.then(() => failed('source')(new MillraceError('SOURCE_LOST', { reason: 'its stream ended' })), failed('source'))
  startSideTasks(following, snapshots)
}

/** Pulls from the merge as fast as the slowest sink takes, which is all the backpressure there is. */
async function pump(following: Following, snapshots: Snapshots): Promise<void> {
  const { run, session, lanes, taking, reading } = following
  const { transforms } = run.options
  const stream = session.source.read(session.from, reading.signal)
  const isEnding = new Promise<void>((resolve) => reading.signal.addEventListener('abort', () => resolve()))
  for await (const batch of snapshots.merge(stream, session.from, reading.signal)) {
    // Leaving the loop would end the connection on which the last acknowledgement still has to go.
    if (taking.signal.aborted) return await isEnding
    run.works('source')
    faultPoint('decoded')
    if (batch.kind === 'changes') run.followed.take(batch)
    const told = following.left.length === 0 ? [batch] : [batch, ...takeGone(following, batch)]
    const full = fanOut(lanes, transforms === undefined ? told : transformed(transforms, told))
    if (full !== null) await full
  }
}

function transformed(transforms: Transformation, batches: readonly Batch[]): Batch[] {
  try {
    return batches.map(transforms.batch)
  } catch (error) {
    throw asPartFailure('transforms', error)
  }
}

function takeGone(following: Following, { log, end, carry }: Batch): Batch[] {
  const gone = following.left.filter(({ after }) => after <= end)
  following.left = following.left.filter(({ after }) => after > end)
  // They end where the batch does: a position never goes back.
  return gone.map(({ table }) => ({ kind: 'control', event: 'table-dropped', log, end, carry, audience: null, table }))
}

async function summarise({ run, session, lanes, tables }: Following, end: SessionEnd['end']): Promise<SessionEnd> {
  const { report } = run.options
  const position = lowestDurable(lanes.map((lane) => lane.durable))
  const health = await within(PATIENCE_MS, session.source.health())
  if (end === 'aborted') report(warning('DRAIN_ABORTED', 'The drain was cut short; the next run reads again what was not durable.'))
  report({ event: 'stopped', position, health })
  const mostRows = tables.toSorted((a, b) => run.copied.of(b.id).rows - run.copied.of(a.id).rows)[0]
  const shown = mostRows && (run.options.transforms?.chain(mostRows).to ?? mostRows)
  const example = shown ? { schema: shown.schema, name: shown.name } : null
  const deadLetters = run.deadLetters ? (await run.deadLetters.store.list()).length : 0
  return { end, position, health, example, deadLetters }
}

function createFollowing(run: Run, session: Session, lanes: Lane[]): Following {
  const { promise: stopped, resolve: stop } = createDeferred<Stop>()
  const failed = (part: string) => (error: unknown) => stop({ why: 'error', failure: asPartFailure(part, error) })
  const [taking, reading, writing] = [new AbortController(), new AbortController(), new AbortController()]
  const watermark = createWatermark(lanes, (name) => session.sinks.find((open) => open.name === name)?.spooling ?? null)
  const settlement = createSettlement({
    durables: () => lanes.map((lane) => lane.durable),
    hasUnsaved: () => lanes.some((lane) => lane.hasUnsaved),
    record: (position) => recordAcknowledged(run.options.state, { lanes, sinks: session.sinks }, position),
    acknowledge(position) {
      session.source.acknowledge(position)
      run.options.report({ event: 'settled', position })
    },
    failed: failed('state'),
    clock: run.clock,
    signal: taking.signal,
  })
  const following = { run, session, lanes, watermark, settlement, stop, stopped, failed, taking, reading, writing }
  for (const open of session.sinks) {
    const lane = openLane(following, open)
    lanes.push(lane)
    open.spooling?.start({
      handedOver: () => void lane.takeUnsaved(),
      pause: () => lane.pause(),
      restart: failed(open.name),
      failed: failed(open.name),
      moved: () => watermark.moved(),
    })
  }
  return { ...following, snapshots: null, tables: [], left: [], pumping: Promise.resolve() }
}

function openLane(following: Pick<Following, 'run' | 'session' | 'watermark' | 'settlement' | 'failed' | 'writing'>, open: OpenSink): Lane {
  const { run, session, watermark, settlement, failed, writing } = following
  const { batch } = run.options
  return new Lane({
    name: open.name,
    sink: open.sink,
    ...laneRecord(session, open),
    from: session.from,
    keepsRecord: open.keepsRecord && open.known === null,
    wholeTransactions: open.wholeTransactions,
    boundBytes: Math.min(batch.maxBytes, LANE_BYTES),
    maxWaitMs: batch.maxWaitMs,
    clock: run.clock,
    signal: writing.signal,
    onMoved() {
      run.works(open.name)
      settlement.moved()
      watermark.moved()
    },
    onFailed: failed(open.name),
  })
}
