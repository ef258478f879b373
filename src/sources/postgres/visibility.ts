import type { TransactionId } from '../../contracts/position.ts'
import type { Visibility } from '../../contracts/source.ts'

/** A snapshot of the server, as pg_current_snapshot() prints it: `xmin:xmax:xip,…` in 64 bits. */
export type Snapshot = Visibility & { xmin: bigint; xmax: bigint; inProgress: ReadonlySet<TransactionId> }

/**
 * The stream names transactions by the low 32 bits of their id. Every id met is within 2^31 of xmax (the server stops
 * long before a wrap), so a signed 32-bit difference orders them across a wrap, where `<` would not.
 */
export function parseSnapshot(text: string): Snapshot {
  const [xmin = '', xmax = '', list = ''] = text.split(':')
  const end = low32(BigInt(xmax))
  const inProgress = new Set(list === '' ? [] : list.split(',').map((xid) => low32(BigInt(xid))))
  const sees = (xid: TransactionId) => ((xid - end) | 0) < 0 && !inProgress.has(xid)
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), inProgress, sees }
}

/**
 * Transactions whose commit `earlier` sees and `later` does not: they committed in the log before `earlier` was made
 * (a logical snapshot is built from the log) and have not left the server's list of running ones.
 * Only ids from later's xmin on can be: everything below is visible to it.
 */
export function visibleBefore(earlier: Snapshot, later: Snapshot): readonly TransactionId[] {
  const found: TransactionId[] = []
  for (let xid = later.xmin; xid < earlier.xmax; xid++) {
    const low = low32(xid)
    if (earlier.sees(low) && !later.sees(low)) found.push(low)
  }
  return found
}

export function low32(xid: bigint): TransactionId {
  return Number(xid & 0xffffffffn)
}
