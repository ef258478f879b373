import { z } from 'zod'
import { isPattern } from './table-patterns.ts'

const pattern = z.string().refine(isPattern, 'is not schema.table (with * and ?, and ! in front to leave out)')
/** Identifiers that Postgres takes for slots: longer ones would be cut silently, others refused half-way. */
const slotName = z.string().regex(/^[a-z0-9_]{1,63}$/, 'takes lower-case letters, digits and underscores, at most 63')
const publicationName = z.string().regex(/^[^\0"]{1,56}$/u, 'takes at most 56 characters, no double quotes')

/** The configuration of a Postgres source, without `type`. */
export const postgresConfig = z.strictObject({
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'starts with postgres://')
    .describe('The database: postgres://user:password@host:5432/database?sslmode=…; sslmode as libpq knows it.'),
  tables: z
    .array(pattern)
    .min(1)
    .optional()
    .describe(
      'Patterns of schema.table with * and ?, in order; one that starts with ! leaves out. Left out: every table outside the system schemas.',
    ),
  columns: z
    .record(z.string(), z.array(z.string().min(1)).min(1))
    .prefault({})
    .describe('Columns by table (schema.table): patterns in order, ! leaves out. Tables not named have all their columns.'),
  where: z
    .record(z.string(), z.string().min(1))
    .prefault({})
    .describe('A row filter by table (schema.table), as SQL. Needs Postgres 15, and columns of the replica identity only.'),
  keyless: z
    .enum(['refuse', 'insert-only'])
    .prefault('refuse')
    .describe('Tables without a key: refuse to start, or publish their inserts and truncates only.'),
  slot: slotName.optional().describe('The replication slot; made when it is not there. Left out: millrace_NAME.'),
  publication: publicationName
    .optional()
    .describe(
      'The publication: made and kept in step with `tables` when it is ours, used as it is when it is not. Left out: millrace_NAME.',
    ),
})

export type PostgresConfig = z.infer<typeof postgresConfig>

/** What the names are where the configuration leaves them out. */
export function namesOf(config: PostgresConfig, pipeline: string): { slot: string; publication: string } {
  const own = `millrace_${pipeline}`.toLowerCase().replace(/[^a-z0-9_]/g, '_')
  return { slot: config.slot ?? own.slice(0, 63), publication: config.publication ?? own.slice(0, 56) }
}
