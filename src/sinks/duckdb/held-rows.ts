import type { RowImage } from '../../contracts/row-image.ts'
import type { Row } from '../../contracts/table.ts'
import type { ChunkWriter } from './chunk-writer.ts'
import type { TableName } from './quote.ts'

/** A row, or the bytes it came in: those become columns without becoming values first. */
export type HeldRow = Row | RowImage

export function isImage(held: HeldRow): held is RowImage {
  return !Array.isArray(held)
}

export function rowOf(held: HeldRow): Row {
  return isImage(held) ? held.row() : held
}

/** Images made columns at once: some chunks of DuckDB's, so that their columns stay small. */
const AT_ONCE = 8 * 2048

/**
 * Appends rows; `source[j]` is the place of the table's column j in a row. Images only where every column takes columns as they are
 * (`columnar`). The order is not kept: none is in a table.
 */
export async function appendHeld(
  writer: ChunkWriter,
  to: TableName,
  { rows, source, columnar }: { rows: readonly HeldRow[]; source: readonly number[]; columnar: boolean },
): Promise<void> {
  const images = columnar ? rows.filter(isImage) : []
  const others = columnar ? rows.filter((held) => !isImage(held)).map(rowOf) : rows.map(rowOf)
  await writer.appendRows(to, others, source)
  const inOrder = source.map((_, column) => column)
  for (let start = 0; start < images.length; start += AT_ONCE) {
    const some = images.slice(start, start + AT_ONCE)
    await writer.appendColumns(to, some[0]!.reader.columns(some, source), inOrder) // start < length
  }
}
