import { readCatalogue } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { useForeign } from './foreign-publication.ts'
import { findPublications, type PublicationOptions, type Publications } from './publication.ts'
import { scopeOf } from './scope.ts'

/** The pipeline's tables as another process may look at them (`status`, `verify`): nothing is made or altered. */
export async function viewPublications(connection: Connection, options: PublicationOptions): Promise<Publications> {
  const found = await findPublications(connection, options)
  if (!found.ours) return useForeign(connection, options, found.names[0] ?? '')
  const scope = scopeOf(connection, options.config, { publications: found.names, viaRoot: true, publishesGenerated: false })
  const all = await readCatalogue(connection, scope)
  // Before the first run there is no publication: then what the patterns choose is the answer.
  const tables = found.existing.length > 0 ? all.filter((table) => table.publishedBy !== null) : all
  return { ours: true, names: found.names, scope, tables, altered: [], refused: [] }
}
