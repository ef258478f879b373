import type { Finding } from '../../contracts/definition.ts'
import { quoteIdentifier, quoteLiteral, quoteName } from './catalogue-sql.ts'
import type { Survey } from './check-survey.ts'
import type { Connection } from './connection.ts'
import { counted, failure, fine, info, someOf, warning } from './findings.ts'
import { entryOf, listSql } from './publication-plan.ts'
import { queryAll } from './query.ts'

/** A statement that names more tables than these is no help; then a superuser publishes whole schemas. */
const MOST_NAMED = 100

/** Whether the publication can be made, or sends what is wanted. */
export async function checkPublication(connection: Connection, survey: Survey): Promise<readonly Finding[]> {
  return survey.foreign ? checkForeign(survey, survey.foreign) : checkOurs(connection, survey)
}

async function checkOurs(connection: Connection, survey: Survey): Promise<readonly Finding[]> {
  const { publication, existing } = survey
  const { reasons, grants, owners, extra } = await readRights(connection, survey)
  if (reasons.length > 0) {
    const role = connection.user ?? 'the role'
    const finding = failure(
      'RIGHT_PUBLICATION',
      { role, publication, reason: reasons.join(', and '), grant: grants.join('; ') },
      publication,
    )
    return [{ ...finding, hint: `Run ${grants.join('; ')}.${existing.length > 0 ? '' : ownersWay(connection, survey, owners)}` }]
  }
  if (!existing.includes(publication))
    return [
      info({
        code: 'PUBLICATION_MISSING',
        subject: publication,
        message: `The publication ${publication} is not there yet: the first run makes it.`,
        hint: null,
      }),
    ]
  const entering = survey.tables
    .filter(({ table, verdict }) => verdict.enters !== null && table.publishedBy === null)
    .map(({ name }) => name)
  if (entering.length + extra.length === 0)
    return [fine('PUBLICATION_OK', publication, `The publication ${publication} is ours and holds what is wanted.`)]
  const steps = [entering.length > 0 ? `puts in ${someOf(entering)}` : '', extra.length > 0 ? `takes out ${someOf(extra)}` : ''].filter(
    Boolean,
  )
  const message = `The publication ${publication} is ours; the next run ${steps.join(' and ')}.`
  return [info({ code: 'PUBLICATION_CHANGES', subject: publication, message, hint: null })]
}

type Rights = { reasons: readonly string[]; grants: readonly string[]; owners: readonly string[]; extra: readonly string[] }

/** Making one needs CREATE on the database, naming a table its ownership, altering one the publication's own. `extra`: what it names beyond what is wanted. */
async function readRights(connection: Connection, { publication, existing, tables }: Survey): Promise<Rights> {
  const ids = tables.filter(({ verdict }) => verdict.enters !== null).map(({ table }) => table.table.id)
  const [database = [], owners = [], publications = [], members = []] = await queryAll(
    connection,
    `SELECT has_database_privilege(current_database(), 'CREATE')::text;
     SELECT DISTINCT pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'USAGE')::text FROM pg_class c WHERE c.oid = ANY ('{${ids.join(',')}}'::oid[]) ORDER BY 1;
     SELECT pg_get_userbyid(pubowner)::text, pg_has_role(pubowner, 'USAGE')::text FROM pg_publication WHERE pubname = ${quoteLiteral(publication)};
     SELECT r.prrelid::text, n.nspname || '.' || c.relname FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
       JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = ${quoteLiteral(publication)} ORDER BY 2`,
  )
  const role = quoteIdentifier(connection.user ?? '')
  const reasons: string[] = []
  const grants: string[] = []
  const need = (reason: string, grant: string) => {
    reasons.push(reason)
    grants.push(grant)
  }
  if (existing.length === 0 && database[0]?.[0] !== 'true')
    need('it may not create in the database', `GRANT CREATE ON DATABASE ${quoteIdentifier(connection.database ?? '')} TO ${role}`)
  for (const [owner] of publications.filter(([, mayAct]) => mayAct !== 'true'))
    need(`it belongs to ${owner}`, `ALTER PUBLICATION ${quoteIdentifier(publication)} OWNER TO ${role}`)
  for (const [owner] of owners.filter(([, mayAct]) => mayAct !== 'true'))
    need(`it must own the tables of ${owner}`, `GRANT ${quoteIdentifier(owner ?? '')} TO ${role}`)
  const wanted = new Set(ids.map(String))
  const extra = members.filter(([id]) => !wanted.has(id ?? '')).map(([, name]) => name ?? '')
  return { reasons, grants, owners: owners.map(([owner]) => owner ?? ''), extra }
}

/** On managed servers nobody is a superuser: who owns the tables makes the publication once, and it is used as it is. */
function ownersWay(connection: Connection, survey: Survey, owners: readonly string[]): string {
  const who = owners.length === 1 ? (owners[0] ?? '') : 'a superuser'
  const database = quoteIdentifier(connection.database ?? '')
  const needs =
    owners.length === 1 ? ` (which needs CREATE on the database: GRANT CREATE ON DATABASE ${database} TO ${quoteIdentifier(who)})` : ''
  const filters =
    Object.keys(survey.config.where).length > 0 ? ' Leave `source.where` out of the configuration then: the filters are in it.' : ''
  return `\nOr let ${who}${needs} make it, once. It is then used as it is; new tables must be added to it by hand.${filters}\n${createStatement(survey)}`
}

/** What makes the publication that the configuration asks for. */
export function createStatement({ publication, tables, scope, config }: Survey): string {
  const entries = tables
    .filter(({ verdict }) => verdict.enters === 'changes')
    .map(({ table, name }) =>
      entryOf(table, {
        publication,
        hasLists: scope.major >= 15,
        wantsColumn: (column) => scope.wantsColumn(name, column),
        where: config.where[name] ?? null,
      }),
    )
  const named = `TABLE ${entries.map((entry) => `ONLY ${entry.name}${listSql(entry)}${entry.where === null ? '' : ` WHERE (${entry.where})`}`).join(', ')}`
  const schemas = [...new Set(tables.map(({ table }) => table.table.schema))].map(quoteIdentifier).join(', ')
  const whole = scope.major >= 15 ? `TABLES IN SCHEMA ${schemas}` : 'ALL TABLES'
  const what = entries.length > MOST_NAMED ? whole : named
  return `CREATE PUBLICATION ${quoteIdentifier(publication)} FOR ${what} WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);`
}

function checkForeign(survey: Survey, foreign: NonNullable<Survey['foreign']>): readonly Finding[] {
  const { publication, config, tables } = survey
  const findings: Finding[] = []
  if (foreign.lacks.length > 0)
    findings.push(failure('PUBLICATION_OPERATIONS', { publication, operations: foreign.lacks.join(', ') }, publication))
  if (Object.keys(config.where).length > 0) findings.push(failure('PUBLICATION_WHERE', { publication }, publication))
  const missing = tables.filter(({ name }) => !foreign.tables.has(name))
  if (missing.length > 0) findings.push(lacking(publication, missing))
  if (findings.length === 0) {
    const message = `The publication ${publication} is not ours, is used as it is, and sends ${counted(tables.length, 'table')}.`
    findings.push(fine('PUBLICATION_FOREIGN', publication, message))
  }
  return [...findings, ...surplus(survey, foreign), ...narrowed(survey)]
}

function lacking(publication: string, missing: Survey['tables']): Finding {
  const names = missing.map(({ name }) => name)
  const finding = failure('PUBLICATION_MISMATCH', { publication, tables: someOf(names, 10) }, publication)
  const add = missing.map(({ table }) => quoteName(table.table))
  const statement = `ALTER PUBLICATION ${quoteIdentifier(publication)} ADD TABLE ${someOf(add, MOST_NAMED)}`
  return { ...finding, hint: `Run ${statement} (as its owner), narrow \`source.tables\`, or name another \`publication\`.` }
}

function surplus({ publication, tables, config }: Survey, foreign: NonNullable<Survey['foreign']>): readonly Finding[] {
  const wanted = new Set(tables.map(({ name }) => name))
  const extra = [...foreign.tables].filter((name) => !wanted.has(name))
  if (extra.length === 0 || !config.tables) return []
  const message = `The publication ${publication} sends ${someOf(extra)} too, which \`source.tables\` leaves out: read from the log for nothing.`
  return [info({ code: 'PUBLICATION_EXTRA', subject: publication, message, hint: null })]
}

/** Rows and columns that somebody else's publication keeps back never arrive. */
function narrowed({ publication, tables }: Survey): readonly Finding[] {
  const filtered = tables.filter(({ table }) => table.rowFilter !== null).map(({ name }) => name)
  const listed = tables.filter(({ table }) => table.list !== null).map(({ name }) => name)
  const words = [
    filtered.length > 0 ? `only some rows of ${someOf(filtered)}` : '',
    listed.length > 0 ? `only some columns of ${someOf(listed)}` : '',
  ]
  if (filtered.length + listed.length === 0) return []
  const message = `The publication ${publication} sends ${words.filter(Boolean).join(', and ')}.`
  return [warning({ code: 'PUBLICATION_NARROW', subject: publication, message, hint: 'Change the publication if the rest should arrive.' })]
}
