import { z } from 'zod'
import { faultOfPattern, faultOfTableName, leavesNothing } from './table-patterns.ts'

const pattern = z.string().superRefine((text, context) => report(context, faultOfPattern(text)))
const table = z.string().superRefine((text, context) => report(context, faultOfTableName(text)))
/** Identifiers that Postgres takes for slots: longer ones would be cut silently, others refused half-way. */
const slotName = z.string().regex(/^[a-z0-9_]{1,63}$/, 'must be 1 to 63 of the characters a-z, 0-9 and _')
const publicationName = z.string().regex(/^[^\0"]{1,56}$/u, 'must be 1 to 56 characters, none of them a double quote')

/** The configuration of a Postgres source, without `type`. */
export const postgresConfig = z.strictObject({
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must start with postgres://')
    .describe('The database: postgres://user:password@host:5432/database?sslmode=…; sslmode as libpq knows it.'),
  tables: z
    .array(pattern)
    .min(1)
    .refine((patterns) => !leavesNothing(patterns), 'leaves out every table that it names: the last pattern that matches decides')
    .optional()
    .describe(
      'Patterns of schema.table with * and ?, in order; one that starts with ! leaves out. Left out: every table outside the system schemas.',
    ),
  columns: z
    .record(table, z.array(z.string().min(1)).min(1))
    .prefault({})
    .describe('Columns by table (schema.table): patterns in order, ! leaves out. Tables not named have all their columns.'),
  where: z
    .record(table, z.string().min(1))
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

function report(context: z.RefinementCtx, fault: string | null): void {
  if (fault !== null) context.addIssue({ code: 'custom', message: fault })
}
