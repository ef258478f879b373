import type { ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Position } from '../contracts/position.ts'
import type { LogHealth, LogState, Source, SourceControl } from '../contracts/source.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { canonicalEquals } from '../values/canonical-equals.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { createMemorySnapshots } from './memory-snapshots.ts'

/**
 * What the test writes: changes of one transaction, without what the log adds. An update names the row that it is of by `old`; of the
 * columns `large` the log sends no value that stayed as it was, as of one that is stored out of line.
 */
export type MemoryChange =
  | { op: 'insert'; table: Table; row: Row }
  | { op: 'update'; table: Table; row: Row; old: Row; large?: readonly number[] }
  | { op: 'delete'; table: Table; row: Row }

/** A server of one log in memory: it survives the sources opened on it, as a database survives its connections. */
export type MemoryLog = ReturnType<typeof createMemoryLog>

/**
 * A log whose positions are `index * 16` in 16 hexadecimal digits. Verbs of the test: `commit`, `breakConnection`,
 * `refuse` (the next openings fail), and the slot's state as plain fields.
 */
export function createMemoryLog(options: { tables: readonly Table[]; batchChanges?: number; chunkRows?: number }) {
  const transactions: { start: Position; end: Position; changes: Change[] }[] = []
  const waiters = new Set<() => void>()
  const wake = () => waiters.forEach((resume) => resume())
  const contents = new Map<number, Map<string, Row>>()
  let index = 1

  function apply(change: MemoryChange): void {
    const { op, table, row } = change
    const keyOf = createKeyOf(table)
    const rows = contents.get(table.id) ?? new Map<string, Row>()
    contents.set(table.id, rows)
    if (op !== 'insert') rows.delete(keyOf(op === 'update' ? change.old : row))
    if (op !== 'delete') rows.set(keyOf(row), row)
  }

  const log = {
    system: 'memory',
    timeline: 1,
    tables: [...options.tables],
    /** The most changes a batch holds: a transaction larger than it is delivered with positions inside it. */
    batchChanges: options.batchChanges ?? 1000,
    /** Rows of a chunk. */
    chunkRows: options.chunkRows ?? 1000,
    /** The chunks that were read. */
    reads: [] as string[],
    rows: (table: { id: number }): readonly Row[] => [...(contents.get(table.id)?.values() ?? [])],
    slot: null as { confirmed: Position; lost: boolean } | null,
    acknowledged: [] as Position[],
    transactions,
    openings: 0,
    isRead: false,
    /** Batches taken out of `read` so far: what backpressure bounds. */
    pulled: 0,
    generation: 0,
    refusals: [] as MillraceError[],
    waiters,
    head: () => formatPosition(index),
    commit(changes: readonly MemoryChange[]): Position {
      changes.forEach(apply)
      const start = formatPosition(index)
      const tx = { position: start, xid: index, commitTimeUs: index }
      transactions.push({ start, end: formatPosition(index + 1), changes: changes.map((change, ordinal) => toChange(change, ordinal, tx)) })
      index++
      wake()
      return formatPosition(index)
    },
    /** Other databases write too: the log's end moves on without a change of ours. */
    advance() {
      index++
      wake()
    },
    breakConnection() {
      log.generation++
      wake()
    },
    /** The next `error`s are thrown, one per opening of `read`. */
    refuse(...errors: MillraceError[]) {
      log.refusals.push(...errors)
    },
  }
  return log
}

/** A source on a memory log. It reads ahead of its consumer by nothing. */
export function createMemorySource(log: MemoryLog): Source {
  return {
    snapshots: createMemorySnapshots(log, log.head, () => log.transactions.at(-1)?.changes[0]?.tx?.xid ?? 0),
    async inspect(): Promise<LogState> {
      return { system: log.system, timeline: log.timeline, ended: [], head: log.head(), reader: log.slot && { ...log.slot, ours: true } }
    },
    async begin() {
      log.slot = { confirmed: log.head(), lost: false }
      return { position: log.head(), running: [] }
    },
    async end() {
      log.slot = null
    },
    async tables() {
      return [...log.tables]
    },
    read: (from, signal) => readLog(log, from, signal),
    acknowledge(position) {
      // It travels on the connection that reads.
      if (!log.isRead) return
      log.acknowledged.push(position)
      const settled = position.slice(0, 16)
      if (log.slot !== null && settled > log.slot.confirmed) log.slot.confirmed = settled
    },
    async head() {
      return log.head()
    },
    nudge() {},
    async discover(known) {
      const names = new Set(known.map((table) => table.id))
      const present = new Set(log.tables.map((table) => table.id))
      return { joined: log.tables.filter((table) => !names.has(table.id)), left: known.filter((table) => !present.has(table.id)) }
    },
    async *scan() {},
    async health(): Promise<LogHealth> {
      return { retainedBytes: 0, safeBytes: null, active: true, state: log.slot === null ? 'missing' : 'ok' }
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function* readLog(log: MemoryLog, from: Position, signal: AbortSignal): AsyncGenerator<ChangesBatch | SourceControl> {
  log.openings++
  const refusal = log.refusals.shift()
  if (refusal !== undefined) throw refusal
  const generation = log.generation
  let at = from
  log.isRead = true
  try {
    while (!signal.aborted) {
      if (log.generation !== generation) throw new MillraceError('SOURCE_LOST', { reason: 'the test broke it' })
      const batch = nextBatch(log, at)
      if (batch === null) {
        await idle(log, signal)
        continue
      }
      at = batch.end
      log.pulled++
      yield batch
    }
  } finally {
    log.isRead = false
  }
}

function nextBatch(log: MemoryLog, at: Position): ChangesBatch | null {
  const [settled = '', inside] = at.split(':')
  // As a slot does: what was confirmed is gone.
  const from = log.slot !== null && log.slot.confirmed > settled ? log.slot.confirmed : settled
  const transaction = log.transactions.find(({ start }) => start >= from)
  if (transaction === undefined) return log.head() > at ? batchOf([], log.head(), true) : null
  const done = inside !== undefined && transaction.start === settled ? Number.parseInt(inside, 16) + 1 : 0
  const changes = transaction.changes.slice(done, done + log.batchChanges)
  const isWhole = done + changes.length >= transaction.changes.length
  if (isWhole) return batchOf(changes, transaction.end, true)
  return batchOf(changes, `${transaction.start}:${hex(done + changes.length - 1, 12)}`, false)
}

function batchOf(changes: readonly Change[], end: Position, betweenTransactions: boolean): ChangesBatch {
  return { kind: 'changes', log: '', changes, bytes: changes.length * 100, end, betweenTransactions, carry: '', audience: null }
}

/** Waits for the log to grow, the connection to break, or the signal. Nothing else ends it: a consumer that leaves must abort. */
function idle(log: MemoryLog, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const resume = () => {
      log.waiters.delete(resume)
      signal.removeEventListener('abort', resume)
      resolve()
    }
    log.waiters.add(resume)
    signal.addEventListener('abort', resume)
  })
}

function toChange(change: MemoryChange, ordinal: number, tx: NonNullable<Change['tx']>): Change {
  if (change.op === 'insert') return { op: 'insert', table: change.table, before: null, oldKey: null, after: change.row, ordinal, tx }
  if (change.op === 'update') return { ...updateOf(change), ordinal, tx }
  return { op: 'delete', table: change.table, before: change.row, oldKey: null, after: null, ordinal, tx }
}

/** As Postgres sends it: of the old row the key where it changed, or everything with the identity `full`, which then fills the new row too. */
function updateOf({ table, row, old, large = [] }: MemoryChange & { op: 'update' }) {
  const isMoved = createKeyOf(table)(old) !== createKeyOf(table)(row)
  const oldKey = isMoved ? table.columns.map((_, index) => (table.key.includes(index) ? (old[index] ?? null) : UNCHANGED)) : null
  if (table.identity === 'full') return { op: 'update' as const, table, before: old, oldKey, after: row }
  const after = row.map((value, index) => (large.includes(index) && canonicalEquals(value, old[index] ?? null) ? UNCHANGED : value))
  return { op: 'update' as const, table, before: oldKey, oldKey, after }
}

const formatPosition = (index: number): Position => hex(index * 16, 16)
const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0')
