import type { SourceContext, SourceSketch } from '../../contracts/definition.ts'
import { surveyTables } from './check-survey.ts'
import { checkTables } from './check-tables.ts'
import type { PostgresConfig } from './config.ts'
import { closeConnection, connect } from './connection.ts'
import { queryRows } from './query.ts'
import { targetOf } from './target.ts'

/** What is in the database, for `init`: each table with its size, and what keeps it from being followed. Changes nothing. */
export async function sketchPostgres(config: PostgresConfig, context: Pick<SourceContext, 'pipeline'>): Promise<SourceSketch> {
  const connection = await connect(targetOf(config, context.pipeline))
  try {
    const survey = await surveyTables(connection, config, { ...context, keyNeededBy: null })
    const findings = await checkTables(connection, survey)
    const problems = new Map(findings.filter(({ severity }) => severity === 'error').map((finding) => [finding.subject, finding]))
    const sizes = await readSizes(connection, survey.tables)
    const tables = survey.tables.map(({ name, table }) => ({
      name,
      schema: table.table.schema,
      ...(sizes.get(table.table.id) ?? { rows: null, bytes: 0 }),
      problem: problems.get(name)?.message ?? null,
      hint: problems.get(name)?.hint ?? null,
    }))
    return { database: connection.database ?? '', tables }
  } finally {
    await closeConnection(connection)
  }
}

type Sizes = ReadonlyMap<number, { rows: number | null; bytes: number }>

/** Estimates of the server's statistics, over all partitions; `rows` is null where it never counted. */
async function readSizes(
  connection: Parameters<typeof queryRows>[0],
  tables: readonly { table: { table: { id: number }; leaves: readonly { id: number }[] } }[],
): Promise<Sizes> {
  const rows = await queryRows(
    connection,
    `SELECT oid::text, reltuples::bigint::text, pg_table_size(oid)::text FROM pg_class
     WHERE oid = ANY ('{${tables.flatMap(({ table }) => table.leaves.map(({ id }) => id)).join(',')}}'::oid[])`,
  )
  const byLeaf = new Map(rows.map(([id, count, bytes]) => [Number(id), { rows: Number(count), bytes: Number(bytes) }]))
  return new Map(
    tables.map(({ table }) => {
      const leaves = table.leaves.flatMap(({ id }) => byLeaf.get(id) ?? [])
      const isCounted = leaves.every(({ rows }) => rows >= 0)
      const sum = (field: 'rows' | 'bytes') => leaves.reduce((total, leaf) => total + leaf[field], 0)
      return [table.table.id, { rows: isCounted ? sum('rows') : null, bytes: sum('bytes') }]
    }),
  )
}
