import { createChunkRows } from '../../codecs/pg-copy/create-chunk-rows.ts'
import type { ChunkRows } from '../../contracts/source.ts'
import type { CatalogueTable } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { copyOut } from './copy-out.ts'
import { endOfRows } from './copy-pieces.ts'

/** What is read and how: columns that COPY selects as text are told by `asText`. */
export type Readable = Pick<CatalogueTable, 'table' | 'asText'>

/**
 * The rows of one COPY, in pieces of about `pieceBytes`: what the socket brings is copied once, into the piece. A longer row
 * makes its piece longer, and nothing else does: a chunk that holds far more than was planned costs no more memory.
 * A piece's rows are good until the next is asked for: it takes the same memory.
 */
export async function* readRows(
  connection: Connection,
  sql: string,
  { table, asText }: Readable,
  pieceBytes: number,
): AsyncGenerator<ChunkRows> {
  const own: Buffer = Buffer.allocUnsafeSlow(pieceBytes)
  let piece = own
  let size = 0
  for await (const part of copyOut(connection, sql)) {
    if (size + part.length > piece.length) {
      const end = endOfRows(piece.subarray(0, size))
      if (end > 0) yield createChunkRows({ table, asText, bytes: piece.subarray(0, end) })
      const rest = piece.subarray(end, size)
      const needed = rest.length + part.length
      const next = needed <= own.length ? own : Buffer.allocUnsafeSlow(needed * 2)
      rest.copy(next)
      piece = next
      size = rest.length
    }
    part.copy(piece, size)
    size += part.length
  }
  const last = createChunkRows({ table, asText, bytes: piece.subarray(0, size) })
  if (last.rowCount > 0) yield last
}
