import type { Log } from '../../contracts/sink.ts'
import type { Table } from '../../contracts/table.ts'
import type { Connection } from './connection.ts'
import { ensurePublications, type PublicationOptions, type Publications } from './publication.ts'

export type Discovered = { publications: Publications; joined: readonly Table[]; left: readonly Table[] }

/**
 * Tables that joined or left since `known`. A newcomer is in the publication when this returns, so the stream carries what
 * commits from here on; transactions running now are the caller's to wait for (snapshots.md, point 1).
 * Tables are told apart by number: one dropped and made again under its name leaves and joins. So does one that somebody
 * took out of the publication and that is back in it now: what was written to it between is in no log.
 */
export async function discoverTables(
  connection: Connection,
  options: Omit<PublicationOptions, 'onRefused'> & {
    known: readonly Table[]
    log: Log
    warned: Set<number>
    isMissed(id: number): boolean
  },
): Promise<Discovered> {
  const publications = await ensurePublications(connection, { ...options, onRefused: 'leave-out' })
  const now = publications.tables.map((found) => found.table)
  warnRefused(publications, options)
  const knownIds = new Set(options.known.map((table) => table.id))
  const nowIds = new Set(now.map((table) => table.id))
  return {
    publications,
    joined: now.filter((table) => !knownIds.has(table.id) || options.isMissed(table.id)),
    left: options.known.filter((table) => !nowIds.has(table.id) || options.isMissed(table.id)),
  }
}

/** Once a table and run: a table that may not enter waits outside, and joins by itself when it is mended. */
function warnRefused(publications: Publications, { log, warned }: { log: Log; warned: Set<number> }): void {
  for (const { id, error } of publications.refused) {
    if (warned.has(id)) continue
    warned.add(id)
    log.warn('table-refused', { code: error.code, reason: error.message, hint: error.hint })
  }
}
