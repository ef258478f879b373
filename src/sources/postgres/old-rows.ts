import type { OldKind } from '../../codecs/pgoutput/pgoutput-decoder.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { createKeyOf } from '../../values/create-key-of.ts'

/** What becomes of the old tuples of one table version. */
export type OldRows = {
  /** The old row as the log sent it; columns it did not send are UNCHANGED. */
  before(kind: OldKind, old: Row): Row
  /** Fills what the new row lacks (values stored outside the row and left as they were) from the old one. */
  complete(before: Row, after: Row): void
  /** The old key in a row of its own, where the update moved it; call after `complete`. */
  keyIfChanged(before: Row, after: Row): Row | null
}

/**
 * `identityColumns`: indexes into `table.columns` of what an old-key tuple holds (the relation message's flags);
 * its other columns come as null without being so.
 *
 * An old-key tuple does not mean that the key changed: it comes too where a key column is stored outside the row
 * (heapam.c, ExtractReplicaIdentity), and then the new tuple lacks that column. The key itself is the catalogue's:
 * with REPLICA IDENTITY FULL the flags mark every column.
 */
export function createOldRows(table: Table, identityColumns: readonly number[]): OldRows {
  const absent = table.columns.map((_, index) => index).filter((index) => !identityColumns.includes(index))
  const { key } = table
  const keyOf = createKeyOf(table)

  const keyIfChanged = (before: Row, after: Row): Row | null => {
    if (key.every((index) => before[index] === after[index] || before[index] === UNCHANGED)) return null
    if (keyOf(before) === keyOf(after)) return null
    const oldKey: Row = table.columns.map(() => UNCHANGED)
    for (const index of key) oldKey[index] = before[index] as Row[number] // rows have every column
    return oldKey
  }

  return {
    before(kind, old) {
      if (kind === 'key') for (const index of absent) old[index] = UNCHANGED
      return old
    },
    complete(before, after) {
      for (let index = 0; index < after.length; index++) {
        if (after[index] === UNCHANGED) after[index] = before[index] as Row[number] // rows have every column
      }
    },
    keyIfChanged,
  }
}
