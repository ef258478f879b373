import type { SourceContext } from '../../contracts/definition.ts'
import { tableName } from '../../contracts/table.ts'
import { readCatalogue, type CatalogueTable, type Scope } from './catalogue.ts'
import type { PostgresConfig } from './config.ts'
import type { Connection } from './connection.ts'
import { readForeign, type Foreign } from './foreign-publication.ts'
import { judgeTable, type Verdict } from './judge-table.ts'
import { findPublications } from './publication.ts'
import { missingNames, scopeOf } from './scope.ts'

/** What `check` looks at, read once: the tables that the configuration matches, and the publication that sends them. */
export type Survey = {
  config: PostgresConfig
  publication: string
  /** Null where the publication is ours, or not there yet. */
  foreign: Foreign | null
  /** Which of our publications are there. */
  existing: readonly string[]
  scope: Scope
  tables: readonly { table: CatalogueTable; name: string; verdict: Verdict }[]
  /** Tables that the configuration names and that are not there. */
  missing: readonly string[]
}

export async function surveyTables(
  connection: Connection,
  config: PostgresConfig,
  context: Pick<SourceContext, 'pipeline' | 'keyNeededBy'>,
): Promise<Survey> {
  const { pipeline, keyNeededBy } = context
  const found = await findPublications(connection, { pipeline, config })
  const publication = found.names[0] ?? ''
  const foreign = found.ours ? null : await readForeign(connection, publication)
  const sent = { viaRoot: foreign?.viaRoot ?? true, publishesGenerated: foreign?.publishesGenerated ?? false }
  const scope = scopeOf(connection, config, { publications: found.names, ...sent })
  const matched = await readCatalogue(connection, scope)
  // Without `tables`, what somebody else's publication holds is what is wanted.
  const wanted = foreign && !config.tables ? matched.filter(({ table }) => foreign.tables.has(tableName(table))) : matched
  const wants = { major: scope.major, keyless: config.keyless, keyNeededBy, publishesGenerated: sent.publishesGenerated }
  return {
    config,
    publication,
    foreign,
    existing: found.existing,
    scope,
    tables: wanted.map((table) => ({
      table,
      name: tableName(table.table),
      verdict: judgeTable(foreign ? table : planned(table, scope), wants),
    })),
    missing: missingNames(
      matched.map(({ table }) => tableName(table)),
      config,
    ),
  }
}

/** As it will be sent once the publication is in step with the configuration, whatever its list and filter are now. */
function planned(table: CatalogueTable, scope: Scope): CatalogueTable {
  const attributes = table.attributes.map((attribute) => ({
    ...attribute,
    included: !attribute.dropped && attribute.generated === '' && scope.wantsColumn(tableName(table.table), attribute.name),
  }))
  const hasList =
    scope.major >= 15 && attributes.some((attribute) => !attribute.included && !attribute.dropped && attribute.generated === '')
  return {
    ...table,
    list: hasList ? attributes.filter(({ included }) => included).map(({ id }) => id) : null,
    filterColumns: [],
    attributes,
  }
}
