import type { Archive, Catalog, RefusedTable } from '../contracts/archive.ts'
import type { Position } from '../contracts/position.ts'
import { tableName, type Table } from '../contracts/table.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import type { ArchivedTable } from './archive-table.ts'

/** A table that could not even be begun has a catalog that says so, where the others have theirs. */
export async function archiveRefusal(
  { schema, name, error }: RefusedTable,
  at: { archive: Archive; id: string; startedAt: string; now(): Date; position: Position },
): Promise<ArchivedTable> {
  const table: Table = { schema, name, id: 0, version: '', columns: [], key: [], identity: 'nothing' }
  const { code, message } = toMillraceError(error)
  const catalog: Catalog = {
    id: at.id,
    start_time: at.startedAt,
    end_time: at.now().toISOString(),
    source: tableName(table),
    num_source_records: null,
    num_records_processed: 0,
    success: false,
    error: { code, message },
    schema: [],
    files: [],
    position: at.position,
  }
  try {
    const writer = await at.archive.begin(table, at.id)
    await writer.seal(catalog)
    return { path: writer.path, example: null, catalog }
  } catch {
    // What kept the table from being read is the news; the summary tells it.
    return { path: null, example: null, catalog }
  }
}
