import type { PgoutputHandler, OldKind } from '../../codecs/pgoutput/pgoutput-decoder.ts'
import type { Begin, Commit, LogicalMessage, Origin, Relation, Truncate } from '../../codecs/pgoutput/messages.ts'
import type { ChangesBatch } from '../../contracts/batch.ts'
import type { Change, Transaction } from '../../contracts/change.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import type { SourceControl } from '../../contracts/source.ts'
import type { Row, Table } from '../../contracts/table.ts'
import { ImagedChange } from './imaged-change.ts'
import type { OldRows } from './old-rows.ts'

/** What the decoder hands back with each change of a table. */
export type TableContext = { table: Table; oldRows: OldRows }

/** What the batcher needs of the decoder that feeds it. */
export type Feed = {
  pause(): void
  skip(isOn: boolean): void
  consumed(): number
  /** Where the message in hand lies in the log. */
  lsn(): number
  contextOf(relation: number): TableContext | null
}

export type Batcher = PgoutputHandler<TableContext> & {
  /** `isAwaited`: the server waits until everything up to `walEnd` is acknowledged. */
  keepalive(walEnd: string, isAwaited: boolean): void
  /** Batches and controls that are complete, in order. */
  readonly ready: (ChangesBatch | SourceControl)[]
  /** The relation whose description stopped the decoder. */
  takeRelation(): Relation | null
  /** From here on the table is described so. Closes the batch before it. */
  describe(control: Pick<SourceControl, 'table'> & { previous: Table | null; reread: boolean }): void
  /** Moves what is open to `ready`, where it lies between transactions and holds a change. */
  closeOpen(): void
  /** An empty batch, where `hasMoved`; returns whether. */
  closeEmpty(): boolean
  /** Whether only the position moved, or the server waits for it. */
  hasMoved(): boolean
  position(): string
}

/** Our own messages, that only push the log on. */
export const OWN_PREFIX = 'millrace'

/** A batch closes at a transaction's end past this part of its bound, so that it seldom closes inside one. */
const NEARLY_FULL = 0.75

/** Small rows weigh more decoded than on the wire: what waits in larger batches outlives V8's young generation, and memory grows. */
const MAX_CHANGES = 512

/**
 * Turns decoded messages into batches. Everything here is synchronous.
 *
 * Nothing is lost or doubled, since each position says exactly what lies before it:
 * - between transactions, `end` is the byte after the last commit record (or what the server says it has sent, while no
 *   transaction is open): every commit record before it was handed on;
 * - inside one, it is the commit record's place and the ordinal of the last change handed on. Ordinals count every change the
 *   server sends, of tables we drop too, so they are the same when the transaction is sent again, and what `from` says is settled is passed over.
 */
export function createBatcher(from: string, batchBytes: number, feed: () => Feed): Batcher {
  const ready: (ChangesBatch | SourceControl)[] = []
  let changes: Change[] = []
  let openedAt = 0
  /** Everything before this is settled by what was handed on, or by `from`. */
  let between = from
  let given = from
  /** Whether the server waits for the position between transactions, and the last one given that it waited for. */
  let isAwaited = false
  let awaited = ''
  let tx: Transaction | null = null
  /** The next change's ordinal, and the last one that `from` settles. */
  let ordinal = 0
  let settled = -1
  /** The end of the last commit record that was read, or that `from` says was. */
  let committed = numberOf(from.slice(0, 16))
  let relation: Relation | null = null

  const position = () => (tx === null || ordinal - 1 <= settled ? between : `${tx.position}:${hexOrdinal(ordinal - 1)}`)

  const close = () => {
    const bytes = feed().consumed() - openedAt
    const end = position()
    const batch: ChangesBatch = {
      kind: 'changes',
      log: '',
      changes,
      end,
      carry: '',
      audience: null,
      bytes,
      betweenTransactions: tx === null,
    }
    ready.push(isAwaited && tx === null ? { ...batch, awaited: true } : batch)
    if (tx === null) {
      if (isAwaited) awaited = end
      isAwaited = false
    }
    changes = []
    openedAt += bytes
    given = end
    feed().pause()
  }
  const hasMoved = () => tx === null && changes.length === 0 && (isAwaited || between > given)

  const add = (change: Change) => {
    changes.push(change)
    if (changes.length >= MAX_CHANGES || feed().consumed() - openedAt >= batchBytes) close()
  }

  const isNearlyFull = () => changes.length >= MAX_CHANGES * NEARLY_FULL || feed().consumed() - openedAt >= batchBytes * NEARLY_FULL

  /** The place of the change in hand. */
  const next = () => ordinal++

  const current = () => tx as Transaction // the decoder refuses changes outside a transaction

  return {
    ready,
    position,
    begin({ finalLsn, commitTimeUs, xid }: Begin) {
      tx = { position: finalLsn, xid, commitTimeUs, log: { first: feed().lsn(), previous: committed, end: null } }
      ordinal = 0
      settled = settledOrdinal(from, finalLsn)
      if (settled >= 0) feed().skip(true)
    },
    commit({ endLsn }: Commit) {
      if (settled >= 0) feed().skip(false)
      committed = numberOf(endLsn)
      if (tx?.log) tx.log.end = committed
      tx = null
      if (endLsn > between) between = endLsn
      if (changes.length > 0 && isNearlyFull()) close()
    },
    origin(origin: Origin) {
      if (tx?.log) tx.log.origin = origin
    },
    relation(found: Relation) {
      relation = found
      feed().pause()
    },
    insert({ table }: TableContext, after: Row) {
      add({ op: 'insert', table, before: null, oldKey: null, after, ordinal: next(), tx: current(), lsn: feed().lsn() })
    },
    image({ table }: TableContext, op: 'insert' | 'update', image: RowImage) {
      add(new ImagedChange(op, table, image, next(), current(), feed().lsn()) as Change) // each op has the members of its kind
    },
    update({ table, oldRows }: TableContext, kind: OldKind, old: Row | null, after: Row) {
      const before = old === null ? null : oldRows.before(kind, old)
      if (before !== null) oldRows.complete(before, after)
      const oldKey = before === null ? null : oldRows.keyIfChanged(before, after)
      add({ op: 'update', table, before, oldKey, after, ordinal: next(), tx: current(), lsn: feed().lsn() })
    },
    delete({ table, oldRows }: TableContext, kind: OldKind, old: Row) {
      const before = oldRows.before(kind, old)
      add({ op: 'delete', table, before, oldKey: null, after: null, ordinal: next(), tx: current(), lsn: feed().lsn() })
    },
    passed() {
      if (next() >= settled) feed().skip(false)
      // What was passed over does not fill a batch: else one change would be all that a restart deep in a transaction brings.
      if (changes.length === 0) openedAt = feed().consumed()
    },
    truncate({ relations, cascade, restartIdentity }: Truncate) {
      for (const id of relations) {
        const place = next()
        const context = feed().contextOf(id)
        if (place > settled && context)
          add({ op: 'truncate', table: context.table, cascade, restartIdentity, ordinal: place, tx: current(), lsn: feed().lsn() })
      }
      if (ordinal > settled) feed().skip(false)
    },
    message({ transactional, lsn, prefix, content }: LogicalMessage) {
      if (transactional && tx !== null) {
        const ordinal = next()
        if (ordinal >= settled) feed().skip(false)
        if (ordinal > settled && prefix !== OWN_PREFIX) {
          add({ op: 'message', table: null, prefix, content, transactional, position: tx.position, ordinal, tx, lsn: feed().lsn() })
        }
      } else if (lsn > between) {
        between = lsn
        // It stands for itself, as a transaction does.
        committed = feed().lsn()
        // `lsn` is the byte after the message, where a commit record may begin: the byte before is the message's alone.
        if (prefix !== OWN_PREFIX) {
          const position = byteBefore(lsn)
          add({ op: 'message', table: null, prefix, content, transactional, position, ordinal: 0, tx: null, lsn: feed().lsn() })
        }
      }
    },
    keepalive(walEnd: string, isWaitedFor: boolean) {
      if (tx !== null) return
      // Inside a transaction, or while the server reads again what it had read before, this lies behind.
      if (walEnd > between) between = walEnd
      // It asks again and again: once is enough for a position.
      if (isWaitedFor && between > awaited) isAwaited = true
    },
    takeRelation() {
      const found = relation
      relation = null
      return found
    },
    describe({ table, previous, reread }) {
      if (changes.length > 0) close()
      // Every commit record before this transaction's own was handed on: the description lies there, after what a chunk read before it shows.
      const end = tx !== null && tx.position > position() ? tx.position : position()
      given = end
      ready.push({
        kind: 'control',
        event: 'schema',
        log: '',
        table,
        previous,
        end,
        carry: '',
        audience: null,
        ...(reread ? { reread } : {}),
      })
    },
    closeOpen() {
      if (tx === null && changes.length > 0) close()
    },
    hasMoved,
    closeEmpty() {
      const moved = hasMoved()
      if (moved) close()
      return moved
    },
  }
}

/** The last ordinal of the transaction committed at `finalLsn` that `from` settles: -1 none of it, Infinity all of it. */
export function settledOrdinal(from: string, finalLsn: string): number {
  const settled = from.slice(0, 16)
  if (finalLsn !== settled) return finalLsn < settled ? Infinity : -1
  return from.length > 16 ? Number.parseInt(from.slice(17), 16) : -1
}

function hexOrdinal(ordinal: number): string {
  return ordinal.toString(16).toUpperCase().padStart(12, '0')
}

function numberOf(lsn: string): number {
  return Number.parseInt(lsn, 16)
}

function byteBefore(lsn: string): string {
  return (BigInt(`0x${lsn}`) - 1n).toString(16).toUpperCase().padStart(16, '0')
}
