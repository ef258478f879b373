import type { Finding } from '../../contracts/definition.ts'
import type { LogicalType } from '../../contracts/table.ts'
import { quoteName } from './catalogue-sql.ts'
import type { Survey } from './check-survey.ts'
import type { Connection } from './connection.ts'
import { counted, info, someOf, warning } from './findings.ts'
import { queryAll, type Rows } from './query.ts'
import { isSystemSchema } from './system-schema.ts'

/** What arrives otherwise than a newcomer would think, or not at all: nothing of it stops a run. */
export async function checkValues(connection: Connection, survey: Survey): Promise<readonly Finding[]> {
  const [relations = [], wide = []] = await queryAll(connection, hazardsSql)
  return [...neverSent(relations, survey), ...unchangedToast(wide, survey), ...generatedColumns(survey), ...unknownTypes(survey)]
}

/**
 * What has rows and no changes in the log; and, by table, the columns that may lie outside the row, where some do: the
 * TOAST table is not empty.
 */
const hazardsSql = `SELECT n.nspname::text, c.relname::text, CASE WHEN c.relkind IN ('r', 'p') THEN 'u' ELSE c.relkind::text END, c.relispartition::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE (c.relkind IN ('r', 'p') AND c.relpersistence = 'u' OR c.relkind IN ('v', 'm', 'f')) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  ORDER BY 1, 2;
SELECT coalesce(pg_partition_root(c.oid), c.oid)::oid::text, string_agg(DISTINCT a.attname, ',')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND a.attnum > 0 AND NOT a.attisdropped AND a.attlen = -1 AND a.attstorage <> 'p'
    AND c.relkind = 'r' AND c.reltoastrelid <> 0 AND pg_relation_size(c.reltoastrelid) > 0
  GROUP BY 1`

const KINDS: Record<string, string> = { v: 'a view', m: 'a materialized view', f: 'a foreign table' }

function neverSent(rows: Rows, { scope, missing, config }: Survey): readonly Finding[] {
  const matched = rows
    .map(([schema, table, kind, isPartition]) => ({
      schema: schema ?? '',
      name: `${schema}.${table}`,
      table: table ?? '',
      kind: kind ?? '',
      isPartition,
    }))
    .filter(({ schema, name }) => !isSystemSchema(schema) && scope.wantsTable(name))
  const unlogged = matched.filter(({ kind }) => kind === 'u')
  const foreignPartitions = matched.filter(({ kind, isPartition }) => kind === 'f' && isPartition === 'true')
  const others = matched.filter(({ kind, name }) => kind !== 'u' && (missing.includes(name) || config.tables !== undefined))
  return [
    ...unlogged.map(({ schema, table, name }) =>
      warning({
        code: 'TABLE_UNLOGGED',
        subject: name,
        message: `${name} is unlogged: its changes are not in the log, so nothing of it arrives.`,
        hint: `Run ALTER TABLE ${quoteName({ schema, name: table })} SET LOGGED, or leave it out by "!${name}" in \`source.tables\`.`,
      }),
    ),
    ...foreignPartitions.map(({ name }) =>
      warning({
        code: 'PARTITION_FOREIGN',
        subject: name,
        message: `${name} is a partition on another server: its rows are not in the log and do not arrive.`,
        hint: 'Follow it where its rows are.',
      }),
    ),
    ...(others.length > 0 ? [notTables(others)] : []),
  ]
}

function notTables(others: readonly { name: string; kind: string }[]): Finding {
  const words = others.map(({ name, kind }) => `${name} (${KINDS[kind] ?? 'no table'})`)
  const message = `Matched by \`source.tables\`, but no table with changes in the log, and so left out: ${someOf(words)}.`
  return info({ code: 'NOT_A_TABLE', subject: 'tables', message, hint: 'Follow the tables that they are made of.' })
}

/** An UPDATE does not write a stored-outside value again that it leaves as it is, and the log does not hold it. */
function unchangedToast(rows: Rows, { tables }: Survey): readonly Finding[] {
  const columns = new Map(rows.map(([id, names]) => [Number(id), names?.split(',') ?? []]))
  const found = tables.flatMap(({ table, name }) => {
    const { key, columns: all, identity, id } = table.table
    if (identity === 'full') return []
    const wide = (columns.get(id) ?? []).filter((column) => all.some((each, index) => each.name === column && !key.includes(index)))
    return wide.length > 0 ? [{ text: `${name} (${wide.join(', ')})`, sql: quoteName(table.table) }] : []
  })
  if (found.length === 0) return []
  const texts = found.map(({ text }) => text)
  const which = found.length === 1 ? (found[0]?.sql ?? '') : '…'
  return [
    info({
      code: 'TOAST_UNCHANGED',
      subject: 'TOAST',
      message: `${counted(found.length, 'table')} with values stored outside the row: ${someOf(texts)}. An UPDATE that leaves such a value as it is does not send it: sinks that hold tables keep theirs, messages name the column in \`unchanged\`.`,
      hint: `Where every message must be whole: ALTER TABLE ${which} REPLICA IDENTITY FULL (more log for each UPDATE and DELETE).`,
    }),
  ]
}

function generatedColumns({ tables, scope }: Survey): readonly Finding[] {
  if (scope.publishesGenerated) return []
  const names = tables.flatMap(({ table, name }) =>
    table.attributes.filter(({ generated, dropped }) => generated !== '' && !dropped).map((attribute) => `${name}.${attribute.name}`),
  )
  if (names.length === 0) return []
  const message = `Generated columns are not in the log and do not arrive: ${someOf(names)}.`
  return [info({ code: 'GENERATED_COLUMNS', subject: 'generated columns', message, hint: 'Compute them where the data is read.' })]
}

/** Types that are not known here travel as the server prints them. */
function unknownTypes({ tables }: Survey): readonly Finding[] {
  const byType = new Map<string, string[]>()
  for (const { table, name } of tables) {
    for (const column of table.table.columns) {
      const type = unknownName(column.type)
      if (type !== null) byType.set(type, [...(byType.get(type) ?? []), `${name}.${column.name}`])
    }
  }
  if (byType.size === 0) return []
  const words = [...byType].map(([type, columns]) => `${type} (${someOf(columns, 2)})`)
  const message = `Types that Millrace does not know arrive as the server's own text: ${someOf(words)}.`
  return [info({ code: 'TYPE_AS_TEXT', subject: 'types', message, hint: null })]
}

function unknownName(type: LogicalType): string | null {
  if (type.kind === 'unknown') return type.name
  if (type.kind === 'array') return unknownName(type.of)
  return null
}
