import { randomUUID } from 'node:crypto'
import type { Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteIdentifier, quoteLiteral } from './catalogue-sql.ts'
import { readCatalogue } from './catalogue.ts'
import type { PostgresConfig } from './config.ts'
import { closeConnection, connect, type Connection } from './connection.ts'
import { startEphemeralServer } from './ephemeral-server.ts'
import { sqlstateOf, toSourceError } from './errors.ts'
import { makeTable } from './make-table.ts'
import { queryAll, queryRows } from './query.ts'
import { scopeOf } from './scope.ts'
import { targetOf } from './target.ts'

/**
 * What tables these statements would make, in the words of a Postgres that makes them: the one given, where everything is
 * rolled back, or one that is started for it and removed.
 */
export async function describeStatements(config: PostgresConfig | null, statements: string): Promise<readonly Table[]> {
  if (config !== null) return describeOn(targetOf(config, 'schema'), statements)
  await using server = await startEphemeralServer()
  return await describeOn(server.url, statements, schemasIn(statements))
}

async function describeOn(
  target: Parameters<typeof connect>[0],
  statements: string,
  schemas: readonly string[] = [],
): Promise<readonly Table[]> {
  const connection = await connect(target)
  try {
    const home = `millrace_schema_${randomUUID().replaceAll('-', '')}`
    const names = [home, ...schemas].map((name) => `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(name)}`)
    await queryAll(connection, ['BEGIN', ...names].join('; '))
    const before = await readIds(connection)
    await execute(connection, home, statements)
    const made = (await readAll(connection)).filter(({ table }) => !before.has(table.id)).map(({ table }) => table)
    if (made.length === 0) throw new MillraceError('SCHEMA_NO_TABLE')
    return made.map((table) => atHome(table, home))
  } finally {
    await connection.query('ROLLBACK').catch(() => {}) // the connection ends, and with it what it did
    await closeConnection(connection)
  }
}

/** As they would be called where the statements are meant to be run. */
function atHome(table: Table, home: string): Table {
  const columns = table.columns.map((column) => ({ ...column, sourceType: column.sourceType.replace(`${home}.`, 'public.') }))
  return makeTable({ ...table, columns, schema: table.schema === home ? 'public' : table.schema })
}

/**
 * Inside a DO block: there the text may hold any number of statements, but none that ends the transaction, so that nothing
 * of them can stay.
 */
async function execute(connection: Connection, home: string, statements: string): Promise<void> {
  const block = `BEGIN EXECUTE ${quoteLiteral(statements)}; END`
  try {
    await connection.query(
      `SET LOCAL search_path = ${quoteIdentifier(home)}, public; DO ${quoteLiteral(block)}; SET LOCAL search_path = ''`,
    )
  } catch (error) {
    const sqlstate = sqlstateOf(error)
    const known = toSourceError(error, { phase: 'query' })
    if (sqlstate === undefined) throw known
    throw new MillraceError('SCHEMA_STATEMENTS', { sqlstate, reason: String(known.fields.reason ?? known.message) })
  }
}

async function readIds(connection: Connection): Promise<ReadonlySet<number>> {
  return new Set((await queryRows(connection, 'SELECT oid::text FROM pg_catalog.pg_class')).map(([id]) => Number(id)))
}

const EVERYTHING: PostgresConfig = { columns: {}, where: {}, keyless: 'refuse' }

function readAll(connection: Connection) {
  const scope = scopeOf(connection, EVERYTHING, { publications: [], viaRoot: true, publishesGenerated: true })
  return readCatalogue(connection, scope)
}

/** A server that is started for it has no schemas of the user's: those that are named in front of a table are made. */
function schemasIn(statements: string): readonly string[] {
  const found = statements.matchAll(
    /\b(?:TABLE|TYPE|DOMAIN)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:"((?:[^"]|"")+)"|([A-Za-z_][\w$]*))\s*\.\s*["A-Za-z_]/gi,
  )
  const names = [...found].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.toLowerCase() ?? '')
  return [...new Set(names)].filter((name) => !name.startsWith('pg_') && name !== 'information_schema')
}
