import { createChunkRows } from '../../codecs/pg-copy/create-chunk-rows.ts'
import type { Chunk, ChunkRead, ChunkRows, Visibility } from '../../contracts/source.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { catalogueSql, quoteIdentifier, quoteName } from './catalogue-sql.ts'
import { parseTable, type CatalogueTable, type Scope } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { copyOut, copyWhole } from './copy-out.ts'
import { cutPieces } from './copy-pieces.ts'
import { passablePosition } from './lsn.ts'
import type { Predicate } from './plan-chunks.ts'
import { isForbidden, isGone, queryAll } from './query.ts'
import { blocksCondition, copySql, keysCondition, type KeyList } from './select-rows.ts'
import { parseSnapshot } from './visibility.ts'

export type OnVisibility = (visibility: Visibility) => void

/**
 * Reads one chunk in three round trips; null where the plan no longer fits the table.
 *
 * The lock comes first and takes no snapshot: from then to COMMIT no rewrite and no TRUNCATE can happen, so the snapshot
 * asked for next is the one that COPY uses, over the files that the catalogue of the same transaction tells of.
 * `high` is the insert position after the COPY: everything visible to the snapshot was written to the log before it.
 */
export async function readChunk(
  connection: Connection,
  { chunk, scope, onVisibility }: { chunk: Chunk; scope: Scope; onVisibility: OnVisibility },
): Promise<ChunkRead | null> {
  const predicate = chunk.predicate as Predicate // written by planChunks or keyChunk of this folder
  const isRange = predicate.kind === 'blocks'
  const name = isRange ? chunk.leaf : quoteName(chunk.table)
  const table = await openSnapshot(connection, { name, only: isRange, id: chunk.table.id, scope, onVisibility })
  if (!table || !fits(table, chunk, predicate)) {
    await rollBack(connection)
    return null
  }
  const condition = conditionOf(predicate, table)
  const { bytes, rowCount } = await copyWhole(connection, copySql(table, isRange ? chunk.leaf : null, condition), expectedBytes(predicate))
  const [end] = await queryAll(connection, 'SELECT pg_current_wal_insert_lsn()::text; COMMIT')
  return {
    rows: createChunkRows({ table: table.table, asText: table.asText, bytes, rowCount: rowCount() }),
    high: passablePosition(end?.[0]?.[0] ?? '0/0'),
  }
}

/** Reads rows of one snapshot in pieces as they come; nothing where the table is gone. */
export async function* readPieces(
  connection: Connection,
  what: {
    table: Chunk['table']
    partitioned?: boolean
    keys: KeyList | null
    pieceBytes: number
    scope: Scope
    onVisibility: OnVisibility
  },
): AsyncGenerator<ChunkRows> {
  const { scope, onVisibility } = what
  const name = quoteName(what.table)
  const table = await openSnapshot(connection, { name, only: false, id: what.table.id, scope, onVisibility })
  if (!table || quoteName(table.table) !== name) return rollBack(connection)
  const sql = copySql(table, null, what.keys ? keysCondition(table.table, what.keys) : null)
  for await (const bytes of cutPieces(copyOut(connection, sql), what.pieceBytes)) {
    const rows = createChunkRows({ table: table.table, asText: table.asText, bytes })
    if (rows.rowCount > 0) yield rows
  }
  await queryAll(connection, 'COMMIT')
}

/** Begins, locks, and tells the snapshot. Null where the table is gone, or another has its name. */
async function openSnapshot(
  connection: Connection,
  at: { name: string; only: boolean; id: number; scope: Scope; onVisibility: OnVisibility },
): Promise<CatalogueTable | null> {
  try {
    const [snapshot, ...catalogue] = await queryAll(
      connection,
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE ${at.only ? 'ONLY ' : ''}${at.name} IN ACCESS SHARE MODE;
       SELECT pg_current_snapshot()::text; ${catalogueSql({ ...at.scope, only: at.id })}`,
    )
    at.onVisibility(parseSnapshot(snapshot?.[0]?.[0] ?? ''))
    return parseTable(catalogue, at.scope, at.id)
  } catch (error) {
    if (isGone(error)) return null
    throw isForbidden(error) ? forbidden(connection, at.name) : error
  }
}

/**
 * What was locked by name is what the plan meant: a rename would need a stronger lock than ours, so the name that the
 * catalogue gives now was its name then. And the leaf lies in the file that the plan measured.
 */
function fits(table: CatalogueTable, chunk: Chunk, predicate: Predicate): boolean {
  if (predicate.kind !== 'blocks') return quoteName(table.table) === quoteName(chunk.table)
  return table.leaves.some((leaf) => leaf.id === predicate.leaf && leaf.name === chunk.leaf && leaf.storage === predicate.storage)
}

/**
 * Rows on the wire are about as long as in their blocks, rows of many short columns longer: each field has its length in front.
 * A guess that is too small costs a copy; of one that is too large the rest is never touched, and so takes no memory.
 */
function expectedBytes(predicate: Predicate): number {
  return predicate.kind === 'blocks' ? Math.min((predicate.to - predicate.from) * 8192 * 1.5, 64 << 20) : 0
}

function forbidden(connection: Connection, table: string): MillraceError {
  const role = connection.user ?? 'the role'
  return new MillraceError('RIGHT_TABLE', { role, table, grant: `GRANT SELECT ON ${table} TO ${quoteIdentifier(role)}` })
}

function conditionOf(predicate: Predicate, table: CatalogueTable): string | null {
  if (predicate.kind === 'blocks') return blocksCondition(predicate)
  return predicate.kind === 'keys' ? keysCondition(table.table, predicate.keys) : null
}

async function rollBack(connection: Connection): Promise<void> {
  await queryAll(connection, 'ROLLBACK')
}
