import type { Config } from '../config/config.ts'
import { knownStanding } from '../config/acknowledge-floor.ts'
import { readPhase, type Phase } from '../config/note-phase.ts'
import { openSource } from '../config/open-parts.ts'
import type { Position } from '../contracts/position.ts'
import type { Log } from '../contracts/sink.ts'
import type { LogHealth, Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { tableName } from '../contracts/table.ts'
import type { LivePipeline } from '../core/run-live.ts'
import { knownName } from '../core/run-aside.ts'
import type { Acknowledged } from '../core/run-resume.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import { redactUrls } from '../lib/redact-urls.ts'
import { emptyState, openKnownState } from './pipeline-parts.ts'
import { bytesBetween } from './position-text.ts'
import { lagBytes } from './progress-tracker.ts'
import { retentionText } from './slot-warning.ts'

/** What `status --json` prints. */
export type StatusReport = {
  pipeline: string
  /** The process that runs it; null where none does. */
  pid: number | null
  /** What that process is at, where it is not following the log; null otherwise. */
  phase: Exclude<Phase, { phase: 'following' }> | null
  source: SourceStatus
  sinks: readonly SinkStatus[]
  tables: readonly TableStatus[]
  /** Changes that a sink could not take and that were set aside; see `millrace dlq list`. */
  deadLetters: number
  warnings: readonly string[]
}

export type SourceStatus = {
  type: string
  /** The end of the log now; null where the source cannot be reached. */
  head: Position | null
  /** Up to here the source was told that it may forget. */
  acknowledged: Position | null
  slot: LogHealth | null
  error: { code: string; message: string } | null
}

export type SinkStatus = {
  name: string
  type: string
  /** What the sink holds durably; null where it holds nothing. */
  position: Position | null
  /** Bytes of log between `position` and the end of the log; null where one of them is not known. */
  lagBytes: number | null
  /** How long ago the sink was level with the log, in seconds; null where it is not known (no process runs). */
  lagSeconds: number | null
  /** `direct` where nothing is wrong; else the sink is set aside and its changes are kept on disk. Null where no process runs. */
  state: 'direct' | 'spooling' | 'stopped' | 'full' | 'paused' | null
  /** Bytes that wait for it in memory and on disk; null where no process runs. */
  queuedBytes: number | null
  spooledBytes: number | null
  /** Why it is set aside. */
  error: { code: string; message: string } | null
}

/** `snapshot`: `done` or `under way`; `unknown` where only the sink itself knows and no process runs. */
export type TableStatus = { table: string; snapshot: 'done' | 'under way' | 'unknown' }

/** As the running process sees itself. `lagSeconds` by sink name comes from who follows its news. */
export async function statusFromInside(
  config: Config,
  live: LivePipeline,
  known: { acknowledged: Position | null; copying: ReadonlySet<string>; lagSeconds(durable: Position | null): number | null },
): Promise<StatusReport> {
  const head = await live.source.head()
  const slot = await live.health()
  const sinks = live.lanes().map(({ name, durable, passed, queuedBytes, spooledBytes = 0, state, error }): SinkStatus => {
    const isLevel = passed >= head
    const lagSeconds = isLevel ? 0 : known.lagSeconds(durable)
    const lag = { lagBytes: isLevel ? 0 : lagBytes({ durable, passed }, head), lagSeconds }
    const why = error && { ...error, message: redactUrls(error.message) }
    return { name, type: typeOf(config, name), position: durable, ...lag, state, queuedBytes, spooledBytes, error: why }
  })
  const tables = live.tables().map((table): TableStatus => {
    const name = tableName(table)
    return { table: name, snapshot: known.copying.has(name) ? 'under way' : live.isCopying() ? 'unknown' : 'done' }
  })
  const source = { type: config.source.type, head, acknowledged: known.acknowledged, slot, error: null }
  return {
    pipeline: config.name,
    pid: process.pid,
    phase: null,
    source,
    sinks,
    tables,
    deadLetters: await live.letterCount(),
    warnings: warningsOf(config, slot, null),
  }
}

/** From the state store and the source, while no process runs or none answers. */
export async function statusFromOutside(config: Config, options: { log: Log; drop: string; pid: number | null }): Promise<StatusReport> {
  const state = await openKnownState(config)
  await using _ = { [Symbol.asyncDispose]: async () => state?.[Symbol.asyncDispose]() }
  const acknowledged = state ? ((await state.get('acknowledged')) as Acknowledged | null) : null // written by the settlement alone
  const { source, tables } = await readSource(config, { state, log: options.log, acknowledged: acknowledged?.position ?? null })
  const sinks = await Promise.all(
    config.sinks.map(async ({ name, type }) => {
      // What lies on disk for it counts as its standing, but it does not hold it.
      const own = (await state?.sink(name).load()) ?? (await state?.sink(knownName(name)).load())
      const position = own?.position ?? (state && (await knownStanding(state, name))?.durable) ?? null
      const unknown = { lagSeconds: null, state: null, queuedBytes: null, spooledBytes: null, error: null }
      return { name, type, position, lagBytes: lagOf(position, source.head), ...unknown }
    }),
  )
  const warnings = warningsOf(config, source.slot, options.pid === null ? options.drop : null)
  const deadLetters = (await state?.deadLetters.list())?.length ?? 0
  const noted = state && options.pid !== null ? await readPhase(state) : null
  const phase = noted?.phase === 'following' ? null : noted
  return { pipeline: config.name, pid: options.pid, phase, source, sinks, tables, deadLetters, warnings }
}

async function readSource(
  config: Config,
  options: { state: StateStore | null; log: Log; acknowledged: Position | null },
): Promise<{ source: SourceStatus; tables: readonly TableStatus[] }> {
  const { type } = config.source
  try {
    await using source: Source = await openSource(config, options.state ?? emptyState(), options.log)
    const tables = (await source.tables()).map((table) => ({ table: tableName(table), snapshot: 'unknown' as const }))
    return {
      source: { type, head: await source.head(), acknowledged: options.acknowledged, slot: await source.health(), error: null },
      tables,
    }
  } catch (error) {
    const { code, message } = toMillraceError(error)
    return {
      source: { type, head: null, acknowledged: options.acknowledged, slot: null, error: { code, message: redactUrls(message) } },
      tables: [],
    }
  }
}

/** `drop`: the command that removes the slot, where nobody reads it; null where somebody does. */
function warningsOf(config: Config, slot: LogHealth | null, drop: string | null): string[] {
  if (!slot || slot.state === 'missing') return []
  const text = retentionText(config, slot)
  if (text) return [drop === null ? text : `${text} To remove it: ${drop}`]
  return drop === null || slot.active
    ? []
    : [`The slot of ${config.name} keeps the database's log while nobody reads it. To remove it: ${drop}`]
}

function lagOf(position: Position | null, head: Position | null): number | null {
  return position === null || head === null ? null : bytesBetween(position, head)
}

function typeOf(config: Config, name: string): string {
  return config.sinks.find((sink) => sink.name === name)?.type ?? 'unknown'
}
