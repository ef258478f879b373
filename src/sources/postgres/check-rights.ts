import type { Finding } from '../../contracts/definition.ts'
import { quoteIdentifier } from './catalogue-sql.ts'
import { groupBy } from './catalogue-rows.ts'
import type { CatalogueTable } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { counted, failure, fine, info, someOf } from './findings.ts'
import { queryAll, type Rows } from './query.ts'

/** More unreadable tables of one schema than these are granted together. */
const FEW = 3
/** The stream, the snapshot's readers (`snapshot.parallel` is 4 by default) and a few that come and go. */
const CONNECTIONS = 8

/** What this role may read: SELECT on every table and leaf, USAGE on their schemas, past row-level security, on enough connections. */
export async function checkReading(connection: Connection, tables: readonly CatalogueTable[]): Promise<readonly Finding[]> {
  const role = connection.user ?? 'the role'
  const ids = [...new Set(tables.flatMap((table) => table.leaves.map((leaf) => leaf.id)))]
  const [forbidden = [], secured = [], limits = []] = await queryAll(connection, rightsSql(ids))
  const guarded = secured.filter(([, isActive]) => isActive === 'true')
  const findings = [...unreadable(forbidden, role), ...hidden(guarded, role), ...connectionLimit(limits[0] ?? [], role)]
  if (secured.length > guarded.length) findings.push(bypassed(secured.filter(([, isActive]) => isActive !== 'true')))
  if (ids.length > 0 && forbidden.length + guarded.length === 0)
    findings.unshift(fine('READ_OK', role, `${role} may read ${counted(tables.length, 'table')}.`))
  return findings
}

/** Owners are told with the tables: only they, or who acts for them, may open what is closed. */
function rightsSql(ids: readonly number[]): string {
  const among = `c.oid = ANY ('{${ids.join(',')}}'::oid[])`
  return `SELECT n.nspname::text, format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname, has_schema_privilege(n.oid, 'USAGE')::text, pg_get_userbyid(c.relowner)::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE ${among} AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')) ORDER BY 1, 2;
  SELECT n.nspname || '.' || c.relname, row_security_active(c.oid)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE ${among} AND c.relrowsecurity AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1;
  SELECT rolconnlimit::text, (SELECT datconnlimit::text FROM pg_database WHERE datname = current_database()) FROM pg_roles WHERE rolname = current_user`
}

/** The exact GRANTs: table by table where there are few, else a schema at once. */
function unreadable(rows: Rows, role: string): readonly Finding[] {
  const to = `TO ${quoteIdentifier(role)}`
  return [...groupBy(rows, ([schema]) => schema ?? '')].flatMap(([schema, members]) => {
    const quoted = quoteIdentifier(schema)
    const usage = members[0]?.[3] === 'true' ? '' : `GRANT USAGE ON SCHEMA ${quoted} ${to}; `
    if (members.length <= FEW)
      return members.map(([, name, label]) =>
        failure('RIGHT_TABLE', { role, table: label ?? '', grant: `${usage}GRANT SELECT ON ${name} ${to}` }, label ?? ''),
      )
    const labels = members.map(([, , label]) => label ?? '')
    const owners = [...new Set(members.map(([, , , , owner]) => owner ?? ''))]
    const later = owners.map(
      (owner) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(owner)} IN SCHEMA ${quoted} GRANT SELECT ON TABLES ${to}`,
    )
    const grant = `${usage}GRANT SELECT ON ALL TABLES IN SCHEMA ${quoted} ${to}; and for tables made later ${later.join('; ')}`
    return [
      failure('RIGHT_TABLE', { role, table: `${counted(labels.length, 'table')} of ${schema} (${someOf(labels, FEW)})`, grant }, schema),
    ]
  })
}

/** We read with row_security off: rather an error than a copy with rows missing. */
function hidden(rows: Rows, role: string): readonly Finding[] {
  if (rows.length === 0) return []
  const names = rows.map(([name]) => name ?? '')
  const grant = `ALTER ROLE ${quoteIdentifier(role)} BYPASSRLS (as a superuser), or let the tables' owner be the role that reads`
  const table = `${someOf(names)} past row-level security, which would hide rows from the copy`
  return [failure('RIGHT_TABLE', { role, table, grant }, names.length === 1 ? (names[0] ?? '') : 'row-level security')]
}

function bypassed(rows: Rows): Finding {
  const names = rows.map(([name]) => name ?? '')
  return info({
    code: 'ROW_SECURITY',
    subject: 'row-level security',
    message: `${someOf(names)} ${names.length === 1 ? 'has' : 'have'} row-level security: it does not hold for this role nor in the log, so every row reaches the sinks.`,
    hint: 'Leave rows out by `source.where`, columns by `source.columns`.',
  })
}

function connectionLimit([role, database]: Rows[number], name: string): readonly Finding[] {
  const limits = [
    [`the role ${name}`, Number(role)],
    ['the database', Number(database)],
  ] as const
  return limits.flatMap(([what, limit]) =>
    limit < 0 || limit >= CONNECTIONS
      ? []
      : [
          {
            severity: 'warning' as const,
            code: 'CONNECTION_LIMIT',
            subject: name,
            message: `Only ${counted(limit, 'connection')} may be open for ${what}; a run opens up to ${CONNECTIONS}.`,
            hint: 'Raise the limit (ALTER ROLE … CONNECTION LIMIT, ALTER DATABASE … CONNECTION LIMIT), or lower `snapshot.parallel`.',
          },
        ],
  )
}
