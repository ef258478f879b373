import type { RefusedTable } from '../../contracts/archive.ts'
import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteIdentifier, quoteName } from './catalogue-sql.ts'
import type { CatalogueTable } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { explainSql, type QueriedTable } from './consistent-query.ts'
import { sqlstateOf, toSourceError } from './errors.ts'
import { isForbidden, isGone, queryAll, queryRows } from './query.ts'

/** How long somebody's ALTER TABLE is waited for. */
export const WAIT_FOR_LOCKS = `SET lock_timeout = '10s'`

type Entry = { schema: string; name: string; id: number; sql: string }

/**
 * Locks everything that will be read, before the snapshot is taken, in a transaction that keeps no snapshot of its own.
 * TRUNCATE and rewrites are not transactional for others: a table emptied between our snapshot and our reading would be
 * read as empty, silently. Under these locks there is no such moment; as with pg_dump, others' DDL on the tables waits.
 * A query's tables, through its views, are locked by having it planned.
 */
export async function lockTables(
  connection: Connection,
  tables: readonly CatalogueTable[],
  queried: readonly QueriedTable[],
): Promise<readonly RefusedTable[]> {
  const entries = [
    ...tables.map(({ table, partitioned, rowFilter }) => ({
      schema: table.schema,
      name: table.name,
      id: table.id,
      sql: lockSql(quoteName(table), partitioned) + (rowFilter ? `; ${explainFilter(quoteName(table), rowFilter)}` : ''),
    })),
    ...queried.map((query) => ({ schema: query.schema, name: query.name, id: 0, sql: explainSql(query.sql) })),
  ]
  await queryAll(connection, 'BEGIN READ ONLY')
  if (await lockAtOnce(connection, entries)) return []
  const refused: RefusedTable[] = []
  for (const entry of entries) {
    const error = await lockOne(connection, entry)
    if (error) refused.push({ schema: entry.schema, name: entry.name, error })
  }
  return refused
}

function lockSql(name: string, partitioned: boolean): string {
  return `LOCK TABLE ${partitioned ? '' : 'ONLY '}${name} IN ACCESS SHARE MODE`
}

/** Has the filter parsed and planned: it may name other tables, and it may be wrong. */
function explainFilter(name: string, filter: string): string {
  return `EXPLAIN SELECT FROM ONLY ${name} WHERE (${filter})`
}

async function lockAtOnce(connection: Connection, entries: readonly Entry[]): Promise<boolean> {
  try {
    await connection.query(['SAVEPOINT locks', ...entries.map((entry) => entry.sql), 'RELEASE locks'].join(';\n'))
    return true
  } catch (error) {
    if (!isAboutStatement(error)) throw toSourceError(error, { phase: 'query' })
    await queryAll(connection, 'ROLLBACK TO locks; RELEASE locks')
    return false
  }
}

/** One after the other, where one of them could not be locked: the others are none the worse. */
async function lockOne(connection: Connection, entry: Entry): Promise<MillraceError | null> {
  try {
    await connection.query(`SAVEPOINT one; ${entry.sql}; RELEASE one`)
    return null
  } catch (error) {
    if (!isAboutStatement(error)) throw toSourceError(error, { phase: 'query' })
    await queryAll(connection, 'ROLLBACK TO one; RELEASE one')
    return explain(connection, entry, error)
  }
}

/** lock_not_available, in any language of the server. */
const LOCK_TIMEOUT = '55P03'

/** Whether an error is about the statement and not about the connection or the server. */
function isAboutStatement(error: unknown): boolean {
  const state = sqlstateOf(error)
  return state !== undefined && (state === LOCK_TIMEOUT || !/^(08|40|53|57|58|XX)/.test(state))
}

async function explain(connection: Connection, entry: Entry, error: unknown): Promise<MillraceError> {
  const { id } = entry
  const name = tableName(entry)
  const reason = String(toSourceError(error, { phase: 'query' }).fields.reason)
  const state = sqlstateOf(error)
  if (state === LOCK_TIMEOUT) return new MillraceError('ARCHIVE_TABLE_LOCKED', { table: name, holders: await holdersOf(connection, id) })
  if (id === 0) return new MillraceError('ARCHIVE_QUERY', { table: name, reason })
  if (isGone(error)) return new MillraceError('ARCHIVE_TABLE_GONE', { table: name })
  if (!isForbidden(error)) return new MillraceError('WHERE_INVALID', { table: name, reason })
  const role = connection.user ?? 'the role'
  return new MillraceError('RIGHT_TABLE', { role, table: name, grant: `GRANT SELECT ON ${name} TO ${quoteIdentifier(role)}` })
}

/**
 * Reading the catalogue opens each table for a moment, and so waits for whoever holds one of them. Told by what the server
 * says of its locks, since the error itself looks like any that passes.
 */
export async function orLocked<Result>(connection: Connection, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const [held] = await queryRows(connection, 'ROLLBACK').then(
      () => queryRows(connection, HELD),
      () => [],
    )
    if (!held) throw error
    throw new MillraceError('ARCHIVE_TABLE_LOCKED', { table: held[0] ?? '', holders: `process ${held[1] ?? 'unknown'}` })
  }
}

const HELD = `SELECT n.nspname || '.' || c.relname, l.pid::text FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND l.locktype = 'relation' AND c.relkind IN ('r', 'p')
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`

async function holdersOf(connection: Connection, id: number): Promise<string> {
  const rows = await queryRows(
    connection,
    `SELECT DISTINCT pid::text FROM pg_catalog.pg_locks WHERE relation = ${id} AND mode = 'AccessExclusiveLock' AND granted AND pid IS NOT NULL`,
  )
  return rows.length > 0 ? rows.map(([pid]) => `process ${pid}`).join(', ') : 'another process'
}
