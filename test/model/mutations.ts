import type { Position, TransactionId } from '../../src/contracts/position.ts'
import type { SnapshotReader, Source, Visibility } from '../../src/contracts/source.ts'
import { MERGE_RULES, type MergeRules } from '../../src/core/merge-rules.ts'

/** What a run does differently from the product: a rule of the merge, the source as the core sees it, or what a restart knows. */
export type Mutation = {
  rules?: MergeRules
  source?: (source: Source) => Source
  /** The transactions that `begin` named are not waited for. */
  forgetsRunning?: boolean
  /** Checkpoints come back without their carry. */
  forgetsCarry?: boolean
}

/** Each takes away one point of docs/specs/snapshots.md. Steps of the reader's SQL: rewrite-sql.ts. */
export const MUTATIONS = {
  'never drop': { rules: { ...MERGE_RULES, isHidden: () => false } },
  'remember only while a chunk is active': { rules: { ...MERGE_RULES, remembers: (underWay) => underWay > 0 } },
  'prune by active chunks only': {
    rules: { ...MERGE_RULES, forgets: (xid, _known, underWay) => underWay.every(({ visibility }) => !visibility || visibility.sees(xid)) },
  },
  'one re-read pass': { rules: { ...MERGE_RULES, rereads: (roundsDone) => roundsDone < 1 } },
  'old key ignored': { rules: { ...MERGE_RULES, remembersOldKeys: false } },
  'watermarks instead': { source: byWatermarks },
  'no wait after the slot': { forgetsRunning: true },
  'no wait after joining': { source: (source) => ({ ...source, snapshots: { ...source.snapshots, running: async () => [] } }) },
  'xids not carried over a restart': { forgetsCarry: true },
} satisfies Record<string, Mutation>

/** The rule of others: a chunk sees what was committed in the log before its low mark, read before its rows. */
function byWatermarks(source: Source): Source {
  const committed = new Map<TransactionId, Position>()
  const sees = (low: Position): Visibility => ({ sees: (xid) => (committed.get(xid) ?? '') < low })
  const snapshots: SnapshotReader = {
    ...source.snapshots,
    async visibility() {
      return sees(await source.head())
    },
    async read(chunk, onVisibility, signal) {
      const low = await source.head()
      return source.snapshots.read(chunk, () => onVisibility(sees(low)), signal)
    },
  }
  async function* read(from: Position, signal: AbortSignal) {
    for await (const batch of source.read(from, signal)) {
      if (batch.kind === 'changes') for (const { tx } of batch.changes) if (tx) committed.set(tx.xid, tx.position)
      yield batch
    }
  }
  return { ...source, snapshots, read }
}
