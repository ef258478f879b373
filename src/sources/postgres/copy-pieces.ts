import { MillraceError } from '../../errors/millrace-error.ts'

const HEADER_BYTES = 19

/**
 * Cuts COPY BINARY's bytes, as they come, into pieces of whole rows of about `pieceBytes` (a longer row is a piece of its
 * own). Format: manual, "COPY", "Binary Format"; the header's extension is empty in every version so far.
 */
export async function* cutPieces(source: AsyncIterable<Buffer>, pieceBytes: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  let size = 0
  let wanted = pieceBytes
  for await (const part of source) {
    parts.push(part)
    size += part.length
    if (size < wanted) continue
    const bytes = parts.length === 1 ? part : Buffer.concat(parts, size)
    const end = endOfRows(bytes)
    if (end > 0) yield bytes.subarray(0, end)
    parts = [bytes.subarray(end)]
    size = bytes.length - end
    // A row longer than a piece is looked at again only when twice as much is there.
    wanted = end > 0 ? pieceBytes : size * 2
  }
  if (size > 0) yield Buffer.concat(parts, size)
}

/** Where the last whole row ends; 0 where not even the first is whole. */
export function endOfRows(bytes: Buffer): number {
  let end = bytes.length >= HEADER_BYTES && bytes.subarray(0, 6).equals(SIGNATURE) ? HEADER_BYTES : 0
  for (;;) {
    const next = endOfRow(bytes, end)
    if (next === null) return end === HEADER_BYTES && bytes.subarray(0, 6).equals(SIGNATURE) ? 0 : end
    end = next
  }
}

const SIGNATURE = Buffer.from('PGCOPY', 'latin1')

function endOfRow(bytes: Buffer, start: number): number | null {
  if (start + 2 > bytes.length) return null
  const fields = bytes.readInt16BE(start)
  if (fields === -1) return start + 2
  if (fields < 0)
    throw new MillraceError('CODEC_MALFORMED', { offset: start, column: 'none', reason: 'a row has a negative count of fields' })
  let at = start + 2
  for (let field = 0; field < fields; field++) {
    if (at + 4 > bytes.length) return null
    at += 4 + Math.max(0, bytes.readInt32BE(at))
    if (at > bytes.length) return null
  }
  return at
}
