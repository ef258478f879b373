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
  drop: async (config, context) => (await import('./drop.ts')).dropFromSource(config, context),
  openSnapshot: async (config, context, signal) => (await import('./consistent.ts')).openConsistent(config, context, signal),
}
