import type { Change } from './change.ts'
import type { Row, Table } from './table.ts'

/**
 * One step between source and sinks. Pure; made once per pipeline, told once per table version what the table becomes.
 * `table` null: the table's changes are dropped. Rows of snapshots pass `row`, changes pass `change`; null drops.
 */
export interface Transform {
  table(table: Table): Table | null
  row(table: Table, row: Row): Row | null
  change(change: Change): Change | null | readonly Change[]
}
