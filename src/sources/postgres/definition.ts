import type { SourceDefinition } from '../../contracts/definition.ts'
import { postgresConfig, type PostgresConfig } from './config.ts'

export const definition: SourceDefinition<PostgresConfig> = {
  type: 'postgres',
  summary: 'Postgres 14 to 18, by logical replication (pgoutput).',
  config: postgresConfig,
  fromUrl: (url) => ({ url }),
  open: async (config, context) => (await import('./source.ts')).openPostgres(config, context),
  openTail: async (config, context, options) => (await import('./tail-source.ts')).openTail(config, context, options),
  check: async (config, context) => (await import('./check.ts')).checkPostgres(config, context),
  sketch: async (config, context) => (await import('./sketch.ts')).sketchPostgres(config, context),
  drop: async (config, context) => (await import('./drop.ts')).dropFromSource(config, context),
  describeTables: async (config) => (await import('./describe-tables.ts')).describeTables(config),
  describeStatements: async (config, statements) => (await import('./describe-statements.ts')).describeStatements(config, statements),
  openSnapshot: async (config, context, signal) => (await import('./consistent.ts')).openConsistent(config, context, signal),
}
