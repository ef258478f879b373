import type { Finding } from '../../contracts/definition.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { assertDirect } from './direct.ts'
import { fine, info, warning } from './findings.ts'
import { faultOfPasswordFile } from './password-file.ts'
import type { SourceTarget } from './source-url.ts'

/** The way to the server: nobody between who takes sessions apart, replication connections let in, files in order. */
export async function checkConnection(connection: Connection, target: SourceTarget): Promise<readonly Finding[]> {
  return [...(await checkDirect(connection)), ...checkPasswordFile(target), ...checkMinor(serverVersionOf(connection))]
}

async function checkDirect(connection: Connection): Promise<readonly Finding[]> {
  try {
    await assertDirect(connection)
    return [fine('CONNECTION_DIRECT', 'connection', 'Sessions are whole, and replication connections are let in.')]
  } catch (error) {
    // Told by checkServer, from the role itself.
    if (error instanceof MillraceError && error.code === 'RIGHT_REPLICATION') return []
    throw error
  }
}

function checkPasswordFile({ passwordFile, password }: SourceTarget): readonly Finding[] {
  const fault = password === undefined ? faultOfPasswordFile(passwordFile) : null
  if (fault === null) return []
  const message = `The password file is ignored: ${fault.what}.`
  return [warning({ code: 'PASSWORD_FILE', subject: passwordFile, message, hint: fault.hint })]
}

/**
 * Minor releases with a known fault of logical decoding, by their number. The first of each major that lets a change of a
 * publication reach transactions that are open at the time (commit 4909b38af0, May 2025) ran out of memory where many tables
 * are altered at once, until the next.
 */
const REPAIRED: Readonly<Record<number, number>> = { 14: 18, 15: 13, 16: 9, 17: 5 }

export function checkMinor(version: number): readonly Finding[] {
  const [major, minor] = [Math.floor(version / 10_000), version % 10_000]
  const repaired = REPAIRED[major]
  if (repaired === undefined || minor > repaired) return []
  const subject = `${major}.${minor}`
  const hint = `Upgrade the server to ${major}.${repaired + 1} or newer: a minor release needs a restart only.`
  if (minor === repaired) {
    const message = `Postgres ${subject} can run out of memory while it decodes, where many tables are altered at once.`
    return [info({ code: 'SERVER_MINOR', subject, message, hint })]
  }
  const message = `Postgres ${subject} leaves out changes of transactions that are open while a publication is altered, such as when a new table joins.`
  return [warning({ code: 'SERVER_MINOR', subject, message, hint })]
}
