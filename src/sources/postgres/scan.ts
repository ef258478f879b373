import type { Row, Table } from '../../contracts/table.ts'
import type { Scope } from './catalogue.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { readPieces } from './read-chunk.ts'
import { keyListOf } from './select-rows.ts'

const PIECE_BYTES = 1 << 20
/** Keys of one statement. Each thousand is a snapshot of its own: whoever compares asks again for what differs. */
const KEYS_AT_ONCE = 1000

/** Rows of a table for `verify`: all of one snapshot, or those with these keys. */
export async function* scanTable(
  pool: ConnectionPool,
  what: { table: Table; keys: readonly Row[] | null; scope: Scope },
  signal: AbortSignal,
): AsyncGenerator<readonly Row[]> {
  const { table, keys, scope } = what
  const lists = keys === null ? [null] : slices(keys).map((some) => keyListOf(table, some))
  for (const list of lists) {
    const read = { table, keys: list, pieceBytes: PIECE_BYTES, scope, onVisibility: () => {} }
    for await (const rows of pool.stream((connection) => readPieces(connection, read), signal)) yield rows.rows()
  }
}

function slices(keys: readonly Row[]): readonly (readonly Row[])[] {
  return Array.from({ length: Math.ceil(keys.length / KEYS_AT_ONCE) }, (_, index) =>
    keys.slice(index * KEYS_AT_ONCE, (index + 1) * KEYS_AT_ONCE),
  )
}
