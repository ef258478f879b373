import type { ConsistentSnapshot, RefusedTable, SnapshotContext } from '../../contracts/archive.ts'
import { tableName } from '../../contracts/table.ts'
import { MillraceError, toMillraceError } from '../../errors/millrace-error.ts'
import type { CatalogueTable } from './catalogue.ts'
import { assertEncoding } from './check-server.ts'
import type { PostgresConfig } from './config.ts'
import { closeConnection, destroyConnection, sameServer, type Connection } from './connection.ts'
import { chooseTables } from './consistent-choose.ts'
import { lockTables, orLocked, WAIT_FOR_LOCKS } from './consistent-locks.ts'
import { planQuery, planTables, type ChunkPlan, type TablePlan } from './consistent-plan.ts'
import { describeQuery, queriedTables, withOwnPath, type QueriedTable } from './consistent-query.ts'
import { readRows } from './consistent-rows.ts'
import { BEGIN_SNAPSHOT, connectForLong, createSnapshotReaders } from './consistent-session.ts'
import { assertWholeSessions } from './direct.ts'
import { passablePosition } from './lsn.ts'
import { isGone, queryAll, queryRows } from './query.ts'
import { targetOf } from './target.ts'

/** Rows are handed on in pieces of this size: what they are decoded to, and its copies on the way, are a multiple of it. */
const PIECE_BYTES = 1 << 20

/** A table made between our look and our locks is looked for again so many times. */
const ATTEMPTS = 10

/**
 * The chosen tables at one point in time.
 *
 * Two connections keep it: one holds the locks, in a transaction without a snapshot, and was first; the other took the
 * snapshot under these locks and exported it. So whatever the snapshot sees of a table lies in the files that are read.
 */
export async function openConsistent(config: PostgresConfig, context: SnapshotContext, signal: AbortSignal): Promise<ConsistentSnapshot> {
  const open: Connection[] = []
  const connection = async () => {
    const first = open[0]
    const made = await connectForLong(first ? sameServer(first) : targetOf(config, 'snapshot'), false, signal)
    open.push(made)
    if (!first) {
      await assertWholeSessions(made)
      await assertEncoding(made)
    }
    await queryAll(made, WAIT_FOR_LOCKS)
    return made
  }
  // A lock may be waited for: whoever stops does not wait with it.
  const cut = () => open.forEach(destroyConnection)
  signal.addEventListener('abort', cut, { once: true })
  try {
    const keepers = { locks: await connection(), snapshot: await connection() }
    return await takeSnapshot({ config, context, keepers })
  } catch (error) {
    await Promise.all(open.map((one) => closeConnection(one)))
    throw error
  } finally {
    signal.removeEventListener('abort', cut)
  }
}

type Keepers = { locks: Connection; snapshot: Connection }
type Taking = { config: PostgresConfig; context: SnapshotContext; keepers: Keepers }

async function takeSnapshot({ config, context, keepers }: Taking): Promise<ConsistentSnapshot> {
  const queried = queriedTables(context.queries)
  for (let attempt = 1; ; attempt++) {
    const before = await orLocked(keepers.locks, () => chooseTables(keepers.locks, config, queried))
    const refused = await lockTables(keepers.locks, before, queried)
    const taken = await exportSnapshot(keepers.snapshot)
    const after = await orLocked(keepers.snapshot, () => chooseTables(keepers.snapshot, config, queried).catch(noneIfGone))
    if (after && isSame(before, after)) return openTaken({ context, keepers, ...taken, tables: after, queried, refused })
    // What is not locked might have been emptied since the snapshot: both begin again.
    await Promise.all([queryAll(keepers.locks, 'ROLLBACK'), queryAll(keepers.snapshot, 'ROLLBACK')])
    if (attempt === ATTEMPTS) throw new MillraceError('ARCHIVE_TABLES_RESTLESS', { attempts: attempt })
  }
}

/** A table that nobody asked for, and so is not locked, was dropped since the snapshot. */
function noneIfGone(error: unknown): null {
  if (isGone(error)) return null
  throw error
}

/** The position is read after the snapshot was taken: whatever it sees was written to the log before. */
async function exportSnapshot(connection: Connection): Promise<{ name: string; position: string }> {
  const [rows] = await queryAll(
    connection,
    `${BEGIN_SNAPSHOT}; SELECT pg_export_snapshot(),
     CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text`,
  )
  const [name, lsn] = rows?.[0] ?? []
  return { name: name ?? '', position: passablePosition(lsn ?? '0/0') }
}

function isSame(before: readonly CatalogueTable[], after: readonly CatalogueTable[]): boolean {
  const shape = (tables: readonly CatalogueTable[]) =>
    JSON.stringify(tables.map(({ table, leaves }) => [table.version, leaves.map(({ id, name, storage }) => [id, name, storage])]))
  return shape(before) === shape(after)
}

type Taken = Omit<Taking, 'config'> & {
  name: string
  position: string
  tables: readonly CatalogueTable[]
  queried: readonly QueriedTable[]
  refused: readonly RefusedTable[]
}

async function openTaken({ context, keepers, name, position, tables, queried, refused }: Taken): Promise<ConsistentSnapshot> {
  const out = new Set(refused.map(tableName))
  const planned = await planTables(
    keepers.snapshot,
    tables.filter(({ table }) => !out.has(tableName(table))),
    context.chunkBytes,
  )
  const queries = await planQueries(
    keepers.snapshot,
    queried.filter((query) => !out.has(tableName(query))),
  )
  const readers = createSnapshotReaders(sameServer(keepers.snapshot), name)
  return {
    position,
    tables: [...planned.tables, ...queries.tables],
    refused: [...refused, ...planned.refused, ...queries.refused],
    async count({ what }, signal) {
      const { countSql, isQuery } = what as TablePlan // made by planTables and planQuery
      const count = (connection: Connection) => queryRows(connection, countSql)
      const rows = await readers.use((one) => (isQuery ? withOwnPath(one, () => count(one)) : count(one)), signal)
      return Number(rows[0]?.[0])
    },
    read({ what }, chunk, signal) {
      const plan = what as TablePlan
      const { copySql } = chunk.what as ChunkPlan
      return readers.stream(async function* rows(connection) {
        if (plan.isQuery) await queryRows(connection, `SET LOCAL search_path TO DEFAULT`)
        yield* readRows(connection, copySql, plan, Math.min(context.chunkBytes, PIECE_BYTES))
        if (plan.isQuery) await queryRows(connection, `SET LOCAL search_path = ''`)
      }, signal)
    },
    async assertHeld() {
      await queryRows(keepers.locks, 'SELECT 1::text')
    },
    async [Symbol.asyncDispose]() {
      await readers[Symbol.asyncDispose]()
      await Promise.all([closeConnection(keepers.locks), closeConnection(keepers.snapshot)])
    },
  }
}

/** Each after a savepoint: one that is wrong must not cost the snapshot. */
async function planQueries(connection: Connection, queried: readonly QueriedTable[]) {
  const tables = []
  const refused: RefusedTable[] = []
  for (const query of queried) {
    await queryRows(connection, 'SAVEPOINT query')
    try {
      tables.push(planQuery(query, await describeQuery(connection, query)))
    } catch (error) {
      const known = toMillraceError(error)
      if (known.code !== 'SOURCE_QUERY' && known.code !== 'ARCHIVE_QUERY') throw error
      refused.push({ schema: query.schema, name: query.name, error: known })
      await queryRows(connection, 'ROLLBACK TO query')
    }
    await queryRows(connection, 'RELEASE query')
  }
  return { tables, refused }
}
