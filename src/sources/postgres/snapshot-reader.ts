import type { Chunk, SnapshotReader } from '../../contracts/source.ts'
import { quoteName } from './catalogue-sql.ts'
import type { Scope } from './catalogue.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { planChunks, type Predicate } from './plan-chunks.ts'
import { readChunk, readPieces } from './read-chunk.ts'
import { readHolders, readRunning, readSnapshot } from './running.ts'
import { keyListOf } from './select-rows.ts'

/** A keyless table is handed on in pieces of this size, so that its length costs no memory. */
const PIECE_BYTES = 4 << 20

/** Reads chunks on connections of `pool`. `scope` is asked each time: tables join while the pipeline runs. */
export function createSnapshotReader(pool: ConnectionPool, scope: () => Scope): SnapshotReader {
  return {
    running: () => pool.use(readRunning),
    visibility: () => pool.use(readSnapshot),
    holders: (xids) => pool.use((connection) => readHolders(connection, xids)),
    plan: (table, options) => pool.use((connection) => planChunks(connection, scope(), table, options)),
    keyChunk: (table, keys, id): Chunk => ({
      id,
      table: { schema: table.schema, name: table.name, id: table.id },
      leaf: quoteName(table),
      predicate: { kind: 'keys', keys: keyListOf(table, keys) } satisfies Predicate,
      rowEstimate: keys.length,
    }),
    read: (chunk, onVisibility, signal) => pool.use((connection) => readChunk(connection, { chunk, scope: scope(), onVisibility }), signal),
    readWhole: (chunk, onVisibility, signal) =>
      pool.stream(
        (connection) => readPieces(connection, { table: chunk.table, keys: null, pieceBytes: PIECE_BYTES, scope: scope(), onVisibility }),
        signal,
      ),
  }
}
