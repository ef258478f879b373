import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteLiteral } from './catalogue-sql.ts'
import { readCatalogue } from './catalogue.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { judgeTable } from './judge-table.ts'
import type { PublicationOptions, Publications } from './publication.ts'
import { queryAll } from './query.ts'
import { missingNames, scopeOf } from './scope.ts'

/**
 * Somebody else's publication is used as it is and never altered. It must send every kind of change, and every table
 * that the configuration names; without `tables`, what it publishes is what is wanted.
 */
export async function useForeign(connection: Connection, options: PublicationOptions, name: string): Promise<Publications> {
  const { config } = options
  const facts = await readForeign(connection, name)
  if (facts.lacks.length > 0) throw new MillraceError('PUBLICATION_OPERATIONS', { publication: name, operations: facts.lacks.join(', ') })
  if (Object.keys(config.where).length > 0) throw new MillraceError('PUBLICATION_WHERE', { publication: name })
  const sent = { publications: [name], viaRoot: facts.viaRoot, publishesGenerated: facts.publishesGenerated }
  const scope = scopeOf(connection, config, sent)
  if (config.tables && options.onRefused === 'throw') {
    const wanted = await readCatalogue(connection, scope)
    const [nowhere] = missingNames(
      wanted.map((table) => tableName(table.table)),
      config,
    )
    if (nowhere !== undefined) throw new MillraceError('TABLE_MISSING', { pattern: nowhere })
    const missing = wanted.map((table) => tableName(table.table)).filter((table) => !facts.tables.has(table))
    if (missing.length > 0) throw new MillraceError('PUBLICATION_MISMATCH', { publication: name, tables: missing.join(', ') })
  }
  const inside = { ...scope, wantsTable: (table: string) => scope.wantsTable(table) && facts.tables.has(table) }
  const tables = await readCatalogue(connection, inside)
  const refused = tables.flatMap((table) => {
    const verdict = judgeTable(table, { ...options, ...inside, keyless: config.keyless })
    return verdict.enters === null ? [{ id: table.table.id, error: verdict.error }] : []
  })
  if (refused[0] && options.onRefused === 'throw') throw refused[0].error
  const out = new Set(refused.map(({ id }) => id))
  return { ours: false, names: [name], scope: inside, tables: tables.filter((table) => !out.has(table.table.id)), altered: [], refused }
}

/** What somebody else's publication sends. */
export type Foreign = { lacks: readonly string[]; viaRoot: boolean; publishesGenerated: boolean; tables: ReadonlySet<string> }

export async function readForeign(connection: Connection, name: string): Promise<Foreign> {
  const generated = serverVersionOf(connection) >= 180_000 ? 'pubgencols::text' : "'n'"
  const [publication = [], tables = []] = await queryAll(
    connection,
    `SELECT pubinsert::text, pubupdate::text, pubdelete::text, pubtruncate::text, pubviaroot::text, ${generated}
     FROM pg_publication WHERE pubname = ${quoteLiteral(name)};
     SELECT schemaname::text, tablename::text FROM pg_publication_tables WHERE pubname = ${quoteLiteral(name)}`,
  )
  const [insert, update, remove, truncate, viaRoot, gencols] = publication[0] ?? []
  const operations = Object.entries({ insert, update, delete: remove, truncate })
  return {
    lacks: operations.filter(([, does]) => does !== 'true').map(([operation]) => operation),
    viaRoot: viaRoot === 'true',
    publishesGenerated: gencols === 's',
    tables: new Set(tables.map(([schema, table]) => `${schema}.${table}`)),
  }
}
