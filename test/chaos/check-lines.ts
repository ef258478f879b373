import { EVENTS, isLive, type Entry, type TableTruth, type Truth } from './truth.ts'

/** One line of a log, whatever sink wrote it. `v`: the version that the row has after it; `xid` null where the sink does not tell it. */
export type Line = {
  table: string
  op: 'read' | 'insert' | 'update' | 'delete' | 'truncate'
  key: string | null
  oldKey: string | null
  v: number | null
  xid: number | null
  position: string
  ordinal: number | null
}

export type LogCheck = {
  sink: string
  /** Nothing may be there twice. Else what comes again is passed over, and only what is new must come in order. */
  exactlyOnce: boolean
  /** Changes come in the order of the whole log (of a table where `exactlyOnce`); else in that of each key only. */
  inLogOrder: boolean
}

/** Compares the lines of a log with what happened. Each fault is a sentence; none means: no gap, nothing too much, each key in order. */
export function checkLines(truth: Truth, lines: readonly Line[], check: LogCheck): string[] {
  const faults: string[] = []
  const byTable = new Map<string, Line[]>()
  for (const line of once(lines, check, faults)) {
    const list = byTable.get(line.table) ?? []
    byTable.set(line.table, list)
    list.push(line)
  }
  for (const [table, told] of truth.tables) faults.push(...checkTable(table, told, byTable.get(table) ?? []))
  faults.push(...checkEvents(truth.events, byTable.get(EVENTS) ?? [], check.exactlyOnce))
  const unknown = [...byTable.keys()].filter((table) => table !== EVENTS && !truth.tables.has(table))
  if (unknown.length > 0) faults.push(`lines of tables in which nothing happened: ${unknown.join(', ')}`)
  return faults.map((fault) => `${check.sink}: ${fault}`)
}

/** Lines without those that came before; says what came out of order. */
function once(lines: readonly Line[], { exactlyOnce, inLogOrder }: LogCheck, faults: string[]): Line[] {
  const met = new Map<string, string>()
  const last = new Map<string, string>()
  return lines.filter((line) => {
    if (line.ordinal === null) return true
    const place = `${line.position}:${String(line.ordinal).padStart(12, '0')}`
    const said = JSON.stringify([line.table, line.op, line.key, line.oldKey, line.v])
    const before = met.get(`${line.table} ${place}`)
    if (before !== undefined) {
      if (exactlyOnce) faults.push(`${nameOf(line)} is there twice`)
      else if (before !== said) faults.push(`${nameOf(line)} came again as another`)
      return false
    }
    met.set(`${line.table} ${place}`, said)
    const within = exactlyOnce ? line.table : ''
    if (inLogOrder && place < (last.get(within) ?? '')) faults.push(`${nameOf(line)} comes after ${last.get(within)}`)
    last.set(within, place)
    return true
  })
}

/** Where each key stands in its chain; `floor`: the last truncate that came. */
type Standing = { at: Map<string, number>; floor: number }

function checkTable(table: string, truth: TableTruth, lines: readonly Line[]): string[] {
  const faults: string[] = []
  const standing: Standing = { at: new Map(), floor: -1 }
  const say = (line: Line, what: string) => void faults.push(`${nameOf(line)}: ${what}`)
  for (const line of lines) {
    if (line.op === 'truncate') takeTruncate(truth, standing, line, say)
    else {
      // A key that changes is gone from where it was, and comes where it is.
      if (line.oldKey !== null && line.oldKey !== line.key) takeDelete(truth, standing, { ...line, key: line.oldKey }, say)
      if (line.op === 'delete') takeDelete(truth, standing, line, say)
      else takeRow(truth, standing, line, say)
    }
  }
  for (const [key, chain] of truth.chains) checkEnd(table, { key, chain, at: standing.at.get(key) }, truth.since, faults)
  return faults
}

type Say = (line: Line, what: string) => void

function takeRow({ chains, since }: TableTruth, { at, floor }: Standing, line: Line, say: Say): void {
  const key = line.key ?? ''
  const chain = chains.get(key) ?? []
  const index = chain.findIndex((entry) => isLive(entry) && entry.v === line.v)
  if (index < 0) return say(line, 'was never committed')
  const stood = at.get(key)
  at.set(key, index)
  if (line.v !== null && line.v < floor) return say(line, `is older than the truncate ${floor} before it`)
  if (stood === undefined) {
    const skipped = line.op === 'read' ? [] : mustHave(chain.slice(0, index), since)
    if (skipped.length > 0) say(line, `comes first, without ${textOf(skipped)}`)
    return
  }
  const expected = line.op === 'read' ? stood : stood + 1
  if (index < expected)
    say(
      line,
      line.op === 'read'
        ? `goes back from ${textOf(chain.slice(stood, stood + 1))}`
        : `comes again after ${textOf(chain.slice(stood, stood + 1))}`,
    )
  if (index > expected) say(line, `comes without ${textOf(chain.slice(stood + 1, index))}`)
}

function takeDelete({ chains, since }: TableTruth, { at }: Standing, line: Line, say: Say): void {
  const key = line.key ?? ''
  const chain = chains.get(key) ?? []
  const stood = at.get(key)
  if (stood !== undefined) {
    if (chain[stood + 1]?.op !== 'delete') say(line, `is no delete that follows ${textOf(chain.slice(stood, stood + 1))}`)
    const next = chain.findIndex((entry, index) => index > stood && entry.op === 'delete')
    at.set(key, next < 0 ? stood : next)
    return
  }
  const candidates = chain.flatMap((entry, index) =>
    entry.op === 'delete' && (line.xid === null || entry.xid === line.xid) ? [index] : [],
  )
  const [first] = candidates
  if (first === undefined) return say(line, 'was never deleted')
  const skipped = mustHave(chain.slice(0, first), since)
  if (skipped.length > 0) say(line, `comes first, without ${textOf(skipped)}`)
  // Which of several it is, only its transaction tells.
  if (line.xid !== null || candidates.length === 1) at.set(key, first)
}

function takeTruncate({ chains }: TableTruth, standing: Standing, line: Line, say: Say): void {
  for (const [key, stood] of standing.at) {
    const chain = chains.get(key) ?? []
    const next = chain.findIndex((entry, index) => index > stood && entry.op === 'truncate')
    if (next !== stood + 1)
      say(line, `finds ${key} at ${textOf(chain.slice(stood, stood + 1))}, before ${textOf(chain.slice(stood + 1, stood + 2))}`)
    if (next >= 0) standing.at.set(key, next)
    if (next >= 0) standing.floor = Math.max(standing.floor, chain[next]?.v ?? -1)
  }
}

function checkEnd(
  table: string,
  end: { key: string; chain: readonly Entry[]; at: number | undefined },
  since: number | null,
  faults: string[],
): void {
  const { key, chain, at } = end
  const missing = at === undefined ? (isLive(chain.at(-1)) ? chain.slice(-1) : mustHave(chain, since)) : chain.slice(at + 1)
  if (missing.length > 0) faults.push(`${table} ${key} ends without ${textOf(missing)}`)
}

function mustHave(entries: readonly Entry[], since: number | null): Entry[] {
  return since === null ? [] : entries.filter(({ op, v }) => v > since && op !== 'truncate')
}

/**
 * Rows without a key: each inserted once. A copy that a crash cut short is read again as another generation, so a row can stand in a log twice
 * as `read` (docs/guides/guarantees.md); in tables it may not (check-duckdb.ts).
 */
function checkEvents(events: readonly number[], lines: readonly Line[], exactlyOnce: boolean): string[] {
  const counts = new Map<number, number>()
  const inserted = new Map<number, number>()
  for (const { v, op } of lines) {
    if (v === null) continue
    counts.set(v, (counts.get(v) ?? 0) + 1)
    if (op !== 'read') inserted.set(v, (inserted.get(v) ?? 0) + 1)
  }
  const committed = new Set(events)
  const faults: string[] = []
  const missing = events.filter((v) => !counts.has(v))
  const repeated = [...inserted].filter(([, count]) => count > 1).map(([v]) => v)
  const invented = [...counts.keys()].filter((v) => !committed.has(v))
  if (missing.length > 0) faults.push(`${EVENTS} is without ${some(missing)}`)
  if (exactlyOnce && repeated.length > 0) faults.push(`${EVENTS} has twice ${some(repeated)}`)
  if (invented.length > 0) faults.push(`${EVENTS} has ${some(invented)}, never committed`)
  return faults
}

function some(values: readonly number[]): string {
  return `${values.length}: ${values.slice(0, 5).join(', ')}`
}

function textOf(entries: readonly Entry[]): string {
  const shown = entries.slice(0, 4).map(({ op, v }) => `${op} ${v}`)
  return entries.length > 4 ? `${shown.join(', ')} … (${entries.length})` : shown.join(', ') || 'nothing'
}

function nameOf({ table, op, key, v, position, ordinal }: Line): string {
  return `${op} of ${table} ${key ?? ''} ${v ?? ''} at ${position}:${ordinal ?? '-'}`
}
