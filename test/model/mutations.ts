import type { Source } from '../../src/contracts/source.ts'
import type { MergeRules } from '../../src/core/merge-rules.ts'

/** What a run does differently from the product: a rule of the merge, the source as the core sees it, or what a restart knows. */
export type Mutation = {
  rules?: MergeRules
  source?: (source: Source) => Source
  /** The transactions that `begin` named are not waited for. */
  forgetsRunning?: boolean
  /** Checkpoints come back without their carry. */
  forgetsCarry?: boolean
}
