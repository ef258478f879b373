import { z } from 'zod'
import { faultOfAddress, faultOfSilence } from './source-url.ts'
import { faultOfPattern, faultOfTableName, leavesNothing } from '../../lib/table-patterns.ts'

const pattern = z.string().superRefine((text, context) => report(context, faultOfPattern(text)))
const table = z.string().superRefine((text, context) => report(context, faultOfTableName(text)))
/** Identifiers that Postgres takes for slots: longer ones would be cut silently, others refused half-way. */
const slotName = z.string().regex(/^[a-z0-9_]{1,63}$/, 'must be 1 to 63 of the characters a-z, 0-9 and _')
const publicationName = z.string().regex(/^[^\0"]{1,56}$/u, 'must be 1 to 56 characters, none of them a double quote')

const fields = z.strictObject({
  url: z
    .string()
    .min(1)
    .superRefine((text, context) => report(context, faultOfAddress(text)))
    .optional()
    .describe(
      'The database, in either form of libpq: postgres://user:password@host:5432/database?sslmode=…, or host=… dbname=…. What it leaves out comes from the PG* variables; left out whole, all of it.',
    ),
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
  failover: z
    .boolean()
    .optional()
    .describe('Makes the slot one that standbys keep in step, so that the pipeline goes on after a failover. Needs Postgres 17.'),
  slot: slotName.optional().describe('The replication slot; made when it is not there. Left out: millrace_NAME.'),
  publication: publicationName
    .optional()
    .describe(
      'The publication: made and kept in step with `tables` when it is ours, used as it is when it is not. Left out: millrace_NAME.',
    ),
})

/** The configuration of a Postgres source, without `type`. */
export const postgresConfig = fields.superRefine(({ url }, context) => {
  const fault = url === undefined ? faultOfSilence() : null
  if (fault !== null) context.addIssue({ code: 'custom', path: ['url'], message: fault })
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
