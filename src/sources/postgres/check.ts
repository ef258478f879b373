import type { Finding, SourceContext } from '../../contracts/definition.ts'
import { checkConnection } from './check-connection.ts'
import { checkFailover } from './check-failover.ts'
import { checkPublication } from './check-publication.ts'
import { checkReading } from './check-rights.ts'
import { checkServer } from './check-server.ts'
import { checkSettings } from './check-settings.ts'
import { checkSlots } from './check-slots.ts'
import { surveyTables, type Survey } from './check-survey.ts'
import { checkTables } from './check-tables.ts'
import { checkValues } from './check-values.ts'
import type { PostgresConfig } from './config.ts'
import { closeConnection, connect, type Connection } from './connection.ts'
import { fromError } from './findings.ts'
import type { SourceTarget } from './source-url.ts'
import { targetOf } from './target.ts'

/**
 * Looks at everything that a run would need, changes nothing, and says of each finding how to mend it. A fixed number
 * of catalogue queries, whatever the number of tables.
 */
export async function checkPostgres(config: PostgresConfig, context: SourceContext): Promise<readonly Finding[]> {
  let connection: Connection
  let target: SourceTarget
  try {
    target = targetOf(config, context.pipeline)
    connection = await connect(target)
  } catch (error) {
    return [{ ...fromError(error, 'server'), area: 'server' }]
  }
  try {
    return await checkParts(connection, { config, target }, context)
  } finally {
    await closeConnection(connection)
  }
}

type Wanted = { config: PostgresConfig; target: SourceTarget }
type Part = readonly [area: NonNullable<Finding['area']>, look: () => Promise<readonly Finding[]>]

/** A part that fails is a finding; the others are looked at all the same. */
async function checkParts(connection: Connection, { config, target }: Wanted, context: SourceContext): Promise<readonly Finding[]> {
  const survey = await surveyTables(connection, config, context).catch((error: unknown) => fromError(error, 'tables'))
  const parts: readonly Part[] = [
    ['server', () => checkServer(connection)],
    ['server', () => checkConnection(connection, target)],
    ['server', () => checkSettings(connection)],
    ...('tables' in survey ? tableParts(connection, survey) : ([['tables', async () => [survey]]] as const)),
    ['slots', () => checkSlots(connection, config, context)],
    ['slots', () => checkFailover(connection, config, context)],
  ]
  const findings: Finding[] = []
  for (const [area, look] of parts) {
    const found = await look().catch((error: unknown) => [fromError(error, area)])
    findings.push(...found.map((finding) => ({ ...finding, area })))
  }
  return findings
}

function tableParts(connection: Connection, survey: Survey): readonly Part[] {
  const readable = survey.tables.filter(({ name }) => survey.foreign?.tables.has(name) ?? true).map(({ table }) => table)
  return [
    ['rights', () => checkReading(connection, readable)],
    ['publication', () => checkPublication(connection, survey)],
    ['tables', () => checkTables(connection, survey)],
    ['values', () => checkValues(connection, survey)],
  ]
}
