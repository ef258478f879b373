import type { RowChange } from '../contracts/change.ts'
import { UNCHANGED, type Table } from '../contracts/table.ts'

/** Finds inserts and updates with holes at little cost: only columns that can be stored out of line are looked at. */
export function createHoleFinder() {
  const columns = new WeakMap<Table, readonly number[]>()
  let table: Table | null = null
  let wide: readonly number[] = []
  const follow = (next: Table) => {
    table = next
    wide = columns.get(next) ?? next.columns.flatMap((column, index) => (FIXED.has(column.type.kind) ? [] : [index]))
    columns.set(next, wide)
  }
  return {
    has(change: RowChange & { op: 'insert' | 'update' }): boolean {
      // A row with an image is whole.
      if (change.image) return false
      const { table: of, after } = change
      if (of !== table) follow(of)
      for (const column of wide) if (after[column] === UNCHANGED) return true
      return false
    },
  }
}

const FIXED: ReadonlySet<string> = new Set(
  'boolean int16 int32 uint32 int64 float32 float64 uuid date time timetz timestamp timestamptz interval'.split(' '),
)
