import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { readCatalogue, type CatalogueTable } from './catalogue.ts'
import type { PostgresConfig } from './config.ts'
import type { Connection } from './connection.ts'
import type { QueriedTable } from './consistent-query.ts'
import { missingNames, scopeOf } from './scope.ts'

/** The tables of the configuration, generated columns with them: an archive is read by nobody who could compute them again. */
export async function chooseTables(
  connection: Connection,
  config: PostgresConfig,
  queried: readonly QueriedTable[],
): Promise<readonly CatalogueTable[]> {
  const scope = scopeOf(connection, config, { publications: [], viaRoot: true, publishesGenerated: true })
  const all = await readCatalogue(connection, scope)
  const names = all.map(({ table }) => tableName(table))
  const instead = new Set(queried.map(tableName))
  const [missing] = missingNames([...names, ...instead], config)
  if (missing !== undefined) throw new MillraceError('TABLE_MISSING', { pattern: missing })
  if (names.length + instead.size === 0) throw new MillraceError('TABLE_MISSING', { pattern: (config.tables ?? ['*.*']).join(', ') })
  return all
    .filter(({ table }) => !instead.has(tableName(table)))
    .map((table) => ({ ...table, rowFilter: filterOf(config, tableName(table.table)) }))
}

/** As the user wrote it: a comment at its end must not hide what follows. */
function filterOf({ where }: PostgresConfig, name: string): string | null {
  return where[name] === undefined ? null : `${where[name]}\n`
}
