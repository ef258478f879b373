import type { Position } from '../contracts/position.ts'
import type { Sink } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import { tableName, type Table } from '../contracts/table.ts'
import { verifyTable, type TableVerdict } from '../core/verify.ts'
import { MillraceError } from '../errors/millrace-error.ts'

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

export type VerifySide = {
  pipeline: string
  live: boolean
  source: Pick<Source, 'scan' | 'tables' | 'head'>
  sinks: readonly { name: string; sink: Pick<Sink, 'scan'> | null }[]
  /** Resolves once the sink named holds everything before `position`; at once where no pipeline runs. */
  passed(sink: string, position: Position, signal: AbortSignal): Promise<void>
}

/** Compares every table asked for in every sink that can be read back. */
export async function verifySinks(side: VerifySide, request: VerifyRequest, signal: AbortSignal): Promise<VerifyReport> {
  const readable = side.sinks.flatMap(({ name, sink }) => (sink?.scan ? [{ name, sink: { scan: sink.scan.bind(sink) } }] : []))
  if (readable.length === 0) throw new MillraceError('NOTHING_TO_VERIFY', { pipeline: side.pipeline })
  const tables = chooseTables(await side.source.tables(), request.tables)
  const sinks: { sink: string; tables: TableVerdict[] }[] = []
  for (const { name, sink } of readable) {
    const verdicts: TableVerdict[] = []
    const options = { head: () => side.source.head(), passed: (position: Position) => side.passed(name, position, signal), signal }
    for (const table of tables) verdicts.push(await verifyTable(side.source, sink, table, options))
    sinks.push({ sink: name, tables: verdicts })
  }
  const verdicts = sinks.flatMap((sink) => sink.tables)
  return {
    ok: verdicts.every(isEqual),
    pipeline: side.pipeline,
    live: side.live,
    tables: tables.length,
    rows: sinks[0]?.tables.reduce((sum, verdict) => sum + verdict.rows.source, 0) ?? 0,
    sinks,
    unreadable: side.sinks.map(({ name }) => name).filter((name) => !readable.some((each) => each.name === name)),
  }
}

export function isEqual(verdict: TableVerdict): boolean {
  return verdict.differing.length === 0 && verdict.unsettled === 0
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
