import { MillraceError } from '../../errors/millrace-error.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { queryRows } from './query.ts'

/** What a server must be for its log to be followed; throws what it is not. */
export async function checkServer(connection: Connection): Promise<void> {
  const version = serverVersionOf(connection)
  if (version < 140_000) throw new MillraceError('SOURCE_TOO_OLD', { version: formatVersion(version) })
  const [row = []] = await queryRows(connection, `SELECT current_setting('wal_level'), current_setting('server_encoding')`)
  const [level, encoding] = row
  if (level !== 'logical') throw new MillraceError('WAL_LEVEL', { level: level ?? 'unknown' })
  // Its bytes mean whatever each client thought: no conversion to UTF-8 is right.
  if (encoding === 'SQL_ASCII') throw new MillraceError('SOURCE_ENCODING', { encoding })
}

function formatVersion(version: number): string {
  return version >= 100_000 ? `${Math.floor(version / 10_000)}.${version % 10_000}` : String(version / 10_000)
}
