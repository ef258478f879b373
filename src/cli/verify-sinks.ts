import type { Position } from '../contracts/position.ts'
import type { Sink } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import { tableName, type Row, type Table } from '../contracts/table.ts'
import type { VerifyOptions } from '../core/verify-options.ts'
import { verifyTable, type TableVerdict } from '../core/verify.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { openTables, type OpenedTables } from './verify-tables.ts'

/** What `verify --json` prints. */
export type VerifyReport = {
  ok: boolean
  pipeline: string
  /** Whether a running pipeline compared, waiting for its sinks to catch up. */
  live: boolean
  /** Tables and rows of the source that were compared. */
  tables: number
  rows: number
  sinks: readonly { sink: string; tables: readonly TableVerdict[] }[]
  /** Sinks that cannot be read back. */
  unreadable: readonly string[]
}

export type VerifyRequest = { tables: readonly string[] }

type ReadableSink = Required<Pick<Sink, 'scan'>>

export type VerifySide = {
  pipeline: string
  live: boolean
  /** Opens the source anew, so that its tables are those of now. */
  open(): Promise<Pick<Source, 'scan' | 'tables' | 'head'> & AsyncDisposable>
  sinks: readonly { name: string; sink: Pick<Sink, 'scan'> | null }[]
  /** Resolves once the sink named holds everything before `position`, `false` where it did not in good time; at once where no pipeline runs. */
  passed(sink: string, position: Position): Promise<boolean>
  /** See VerifyOptions; where a pipeline runs. */
  held?<T>(at: { sink: string; table: Table; keys: readonly Row[] }, compare: (rows: readonly Row[]) => Promise<T>): Promise<T | null>
  /** Waits for what a pipeline may not have noticed of this table yet; resolves to whether there was anything to wait for. */
  noticed?(table: Table): Promise<boolean>
  progress(text: string): void
}

/** Keys that differ are followed up for this long, table by table. */
const FOLLOW_UP_MS = 45_000
/** How often a table is compared again because it was altered meanwhile. */
const MAX_ROUNDS = 4

/** Compares every table asked for in every sink that can be read back. */
export async function verifySinks(side: VerifySide, request: VerifyRequest, signal: AbortSignal): Promise<VerifyReport> {
  const readable = side.sinks.flatMap(({ name, sink }) => (sink?.scan ? [{ name, sink: { scan: sink.scan.bind(sink) } }] : []))
  if (readable.length === 0) throw new MillraceError('NOTHING_TO_VERIFY', { pipeline: side.pipeline })
  await using opened = await openTables(side.open)
  const tables = chooseTables(opened.tables(), request.tables)
  const sinks: { sink: string; tables: TableVerdict[] }[] = []
  for (const { name, sink } of readable) {
    const verdicts: TableVerdict[] = []
    for (const { id } of tables) {
      const verdict = await compareTable(side, { opened, id, name, sink }, signal)
      if (verdict) verdicts.push(verdict)
    }
    sinks.push({ sink: name, tables: verdicts })
  }
  const verdicts = sinks.flatMap((sink) => sink.tables)
  return {
    ok: verdicts.every(isEqual),
    pipeline: side.pipeline,
    live: side.live,
    tables: sinks[0]?.tables.length ?? 0,
    rows: sinks[0]?.tables.reduce((sum, verdict) => sum + verdict.rows.source, 0) ?? 0,
    sinks,
    unreadable: side.sinks.map(({ name }) => name).filter((name) => !readable.some((each) => each.name === name)),
  }
}

export function isEqual(verdict: TableVerdict): boolean {
  return verdict.differing.length === 0 && verdict.unsettled === 0 && verdict.reason === null
}

/** A difference found while the table had another shape or name by the end says nothing: compared again. Null for a table that is gone. */
async function compareTable(
  side: VerifySide,
  at: { opened: OpenedTables; id: number; name: string; sink: ReadableSink },
  signal: AbortSignal,
): Promise<TableVerdict | null> {
  const { opened, id, name, sink } = at
  let isNoticed = false
  for (let round = 1; ; round++) {
    const table = opened.tables().find((each) => each.id === id)
    if (!table) return null
    const verdict = await verifyTable(opened.source(), sink, table, optionsFor(side, { opened, name, table }, signal))
    if (isEqual(verdict) || verdict.reason !== null || round === MAX_ROUNDS) return verdict
    await opened.renew()
    const now = opened.tables().find((each) => each.id === id)
    if (now && now.version === table.version && tableName(now) === tableName(table)) {
      if (isNoticed || !(await side.noticed?.(now))) return verdict
      isNoticed = true
    }
  }
}

function optionsFor(side: VerifySide, at: { opened: OpenedTables; name: string; table: Table }, signal: AbortSignal): VerifyOptions {
  const { opened, name, table } = at
  const { held } = side
  return {
    head: () => opened.source().head(),
    passed: (position) => side.passed(name, position),
    progress: (text) => side.progress(`comparing ${tableName(table)}: ${text}`),
    isLate: deadline(FOLLOW_UP_MS),
    signal,
    ...(held ? { held: (of, keys, compare) => held({ sink: name, table: of, keys }, compare) } : {}),
  }
}

/** Whether this long has passed since it was first asked. */
function deadline(ms: number): () => boolean {
  let startedMs: number | null = null
  return () => performance.now() - (startedMs ??= performance.now()) > ms
}

/** Tables by `schema.table` with * and ?; a name without a schema means any schema. */
function chooseTables(tables: readonly Table[], patterns: readonly string[]): readonly Table[] {
  const missing = patterns.find((pattern) => !tables.some((table) => matches(table, pattern)))
  if (missing !== undefined) throw new MillraceError('TABLE_MISSING', { pattern: missing })
  const chosen = patterns.length === 0 ? tables : tables.filter((table) => patterns.some((pattern) => matches(table, pattern)))
  return chosen.toSorted((a, b) => (tableName(a) < tableName(b) ? -1 : 1))
}

function matches(table: Table, pattern: string): boolean {
  const escaped = (pattern.includes('.') ? pattern : `*.${pattern}`).replace(/[\\^$+.()|[\]{}]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(tableName(table))
}
