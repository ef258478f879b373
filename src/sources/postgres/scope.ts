import type { Scope } from './catalogue.ts'
import type { PostgresConfig } from './config.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { createPatternMatcher, exactPatterns } from '../../lib/table-patterns.ts'

/** The scope of a publication: which tables and columns are ours to read, and how the server sends them. */
export function scopeOf(
  connection: Connection,
  config: PostgresConfig,
  sent: Pick<Scope, 'publications' | 'viaRoot' | 'publishesGenerated'>,
): Scope {
  const lists = Object.entries(config.columns).map(([table, patterns]) => [table, createPatternMatcher(patterns)] as const)
  const byTable = new Map(lists)
  return {
    ...sent,
    major: Math.floor(serverVersionOf(connection) / 10_000),
    wantsTable: createPatternMatcher(config.tables ?? ['*.*']),
    wantsColumn: (table, column) => byTable.get(table)?.(column) ?? true,
  }
}

/** What the configuration names one by one and is not there; a name that a later pattern leaves out need not be. */
export function missingNames(names: readonly string[], config: Pick<PostgresConfig, 'tables' | 'where' | 'columns'>): readonly string[] {
  const present = new Set(names)
  const isWanted = createPatternMatcher(config.tables ?? ['*.*'])
  const named = [...exactPatterns(config.tables ?? []), ...Object.keys(config.where), ...Object.keys(config.columns)]
  return [...new Set(named)].filter((name) => !present.has(name) && isWanted(name))
}
