import type { Position } from '../contracts/position.ts'
import type { Source } from '../contracts/source.ts'
import type { PipelineEvent, PipelineProgress } from '../telemetry/pipeline-event.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import type { Clock } from './clock.ts'
import type { Lane } from './lane.ts'
import type { PipelineOptions } from './pipeline.ts'
import type { Watermark } from './run-live.ts'
import type { Snapshots } from './snapshot.ts'

const NUDGE_EVERY_MS = 50
const PROGRESS_EVERY_MS = 1000
const HEALTH_EVERY_MS = 10_000
const RETAINED_WARNING_BYTES = 256 * 1024 * 1024

/** Resolves when the run has reached what `until` and `mode` ask for; never where they ask for nothing. */
export async function reachEnd(
  options: Pick<PipelineOptions, 'mode' | 'until'>,
  ports: { source: Source; snapshots: Snapshots; watermark: Watermark; clock: Clock },
  signal: AbortSignal,
): Promise<Position | null> {
  const { source, snapshots, watermark, clock } = ports
  const until = options.until ?? null
  if (until === null && options.mode !== 'snapshot') return null
  // The log's end at the start counts also where nothing is left to copy.
  const wasCopying = snapshots.isCopying()
  const atStart = await source.head()
  await snapshots.idle()
  let target = typeof until === 'object' && until !== null ? until.position : wasCopying ? await source.head() : atStart
  await passing(target, { source, watermark, clock }, signal)
  // What was passed may have told of a table that must be read again.
  while (snapshots.isCopying() && !signal.aborted) {
    await snapshots.idle()
    if (typeof until !== 'object') target = await source.head()
    await passing(target, { source, watermark, clock }, signal)
  }
  return signal.aborted ? null : target
}

/** Waits for the sinks to pass `position`, asking an idle source to say how far it is. */
export async function passing(
  position: Position,
  ports: { source: Source; watermark: Watermark; clock: Clock; sink?: string },
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const startedMs = ports.clock.now()
  const passed = ports.watermark.wait(position, signal, ports.sink).finally(() => over.abort())
  while (!over.signal.aborted && !signal.aborted) {
    ports.source.nudge(position, ports.clock.now() - startedMs)
    await ports.clock.sleep(NUDGE_EVERY_MS, over.signal)
  }
  await passed
}

/** Reports once a second where something moved. */
export async function reportProgress(
  ports: {
    current(): Omit<PipelineProgress, 'head'>
    source: Pick<Source, 'head'>
    report(event: PipelineEvent): void
    clock: Clock
  },
  signal: AbortSignal,
): Promise<void> {
  let last = ''
  while (!signal.aborted) {
    // Where it cannot be asked the stream notices by itself what is wrong.
    const head = await ports.source.head().catch(() => null)
    if (signal.aborted) return
    const event: PipelineProgress = { ...ports.current(), head }
    const text = JSON.stringify(event)
    if (text !== last) ports.report(event)
    last = text
    await ports.clock.sleep(PROGRESS_EVERY_MS, signal)
  }
}

/**
 * Ends the lane of a sink that takes nothing, or that alone holds up the others, for longer than they wait. Also where there is room in its lane
 * a call that does not come back holds back the source's log.
 */
export async function watchSlowSinks(
  ports: { lanes: readonly Lane[]; isCopying(): boolean; maySetAside(sink: string): Promise<boolean>; patienceMs: number; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const { lanes, patienceMs, clock } = ports
  const parts = 10
  let since = lanes.map(() => 0)
  let before = lanes.map((lane) => lane.fullMs)
  while (!signal.aborted) {
    await clock.sleep(patienceMs / parts, signal)
    const spent = lanes.map((lane, at) => lane.fullMs - (before[at] ?? 0))
    before = lanes.map((lane) => lane.fullMs)
    const slow = spent.map((ms) => ms > (0.8 * patienceMs) / parts)
    // A copy is as fast as the slowest: it ends, and what is kept on disk for a sink is not smaller than what is copied.
    const isAlone = slow.filter(Boolean).length === 1 && !ports.isCopying()
    since = since.map((count, at) => (slow[at] && isAlone ? count + 1 : 0))
    for (const [at, lane] of lanes.entries()) {
      const stuckMs = Math.max(lane.stuckMs, ports.isCopying() ? 0 : lane.callMs)
      if (stuckMs < patienceMs && (since[at] ?? 0) < parts) continue
      if (!(await ports.maySetAside(lane.name)) || signal.aborted) continue
      lane.fail(new MillraceError('SINK_HANGS', { sink: lane.name, seconds: Math.round(patienceMs / 1000) }))
      return
    }
  }
}

/** Says so when the source keeps much of its log for us, or will soon stop keeping it. */
export async function watchHealth(
  ports: { source: Source; report(event: PipelineEvent): void; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  let warnedBytes = RETAINED_WARNING_BYTES / 2
  let isRiskTold = false
  while (!signal.aborted) {
    const health = await ports.source.health()
    const retainedBytes = health.retainedBytes ?? 0
    if (retainedBytes >= warnedBytes * 2) {
      warnedBytes = retainedBytes
      ports.report(
        warning('LOG_RETAINED', `The database keeps ${megabytes(retainedBytes)} MB of log for this pipeline.`, { retainedBytes }),
      )
    }
    const isAtRisk = health.state === 'unreserved' || (health.safeBytes !== null && health.safeBytes < retainedBytes / 4)
    if (isAtRisk && !isRiskTold) {
      const safeBytes = health.safeBytes ?? 0
      ports.report(
        warning('LOG_AT_RISK', `The database will drop this pipeline's slot after ${megabytes(safeBytes)} MB more of log.`, { safeBytes }),
      )
    }
    isRiskTold = isAtRisk
    await ports.clock.sleep(HEALTH_EVERY_MS, signal)
  }
}

export function warning(
  code: Extract<PipelineEvent, { event: 'warning' }>['code'],
  message: string,
  fields: Record<string, string | number> = {},
): PipelineEvent {
  return { event: 'warning', code, message, fields }
}

const megabytes = (bytes: number) => Math.round(bytes / 1024 / 1024)
