import type { Change, RowChange, TruncateChange } from '../contracts/change.ts'
import type { ReadPlace } from '../contracts/format.ts'
import type { Row, Table } from '../contracts/table.ts'
import type { TableStep, Transform } from '../contracts/transform.ts'

/** What all transforms together make of one table version. */
export type Chain = Pick<TableStep, 'to' | 'moves' | 'selects'> & {
  from: Table
  /** Null where no row is altered and none left out. */
  rows: ((rows: readonly Row[], at: ReadPlace) => readonly Row[]) | null
  /** Appends what becomes of a change, in order. */
  change(change: RowChange | TruncateChange, out: Change[]): void
}

/** The steps that the transforms take for a table, in their order. */
export function createChain(transforms: readonly Transform[], table: Table): Chain {
  const steps: TableStep[] = []
  let moves: readonly (number | null)[] = table.columns.map((_, index) => index)
  let to = table
  for (const transform of transforms) {
    const step = transform.table(to)
    if (step === null) continue
    const arriving = moves
    moves = step.moves.map((source) => (source === null ? null : (arriving[source] ?? null)))
    to = step.to
    steps.push(step)
  }
  return {
    from: table,
    to,
    moves,
    selects: steps.some((step) => step.selects),
    rows: steps.length === 0 ? null : (rows, at) => steps.reduce((passed, step) => step.rows(passed, at), rows),
    change: (change, out) => pass(steps, { change, at: 0 }, out),
  }
}

/** Through the steps from `at` on. */
function pass(steps: readonly TableStep[], { change, at }: { change: Change; at: number }, out: Change[]): void {
  let passing = change
  for (let index = at; index < steps.length; index++) {
    if (passing.op === 'message') break
    const made: Change | null | readonly Change[] = steps[index]!.change(passing) // index < steps.length
    if (made === null) return
    if (isSeveral(made)) {
      for (const each of made) pass(steps, { change: each, at: index + 1 }, out)
      return
    }
    passing = made
  }
  out.push(passing)
}

function isSeveral(made: Change | readonly Change[]): made is readonly Change[] {
  return Array.isArray(made)
}
