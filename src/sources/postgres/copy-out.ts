import type { Connection } from './connection.ts'
import { toSourceError } from './errors.ts'
import { gulpingCopyTo } from './gulping-copy.ts'

/**
 * What COPY sends, in pieces as the socket brings them; returns what tells the rows counted by the server.
 * The data ends before that count is sent, perhaps a packet before: ask only once the next statement of the connection was answered.
 */
export async function* copyOut(connection: Connection, sql: string): AsyncGenerator<Buffer, () => number> {
  const copy = connection.query(gulpingCopyTo(sql, { highWaterMark: 1 << 20 }))
  try {
    for await (const piece of copy as AsyncIterable<Buffer>) yield piece
  } catch (error) {
    throw toSourceError(error, { phase: 'query' })
  }
  return () => copy.rowCount
}

/**
 * Everything that COPY sends, in one buffer. Pieces are copied in as they come and dropped at once: to collect them and
 * join them at the end would hold everything twice.
 */
export async function copyWhole(
  connection: Connection,
  sql: string,
  expectedBytes: number,
): Promise<{ bytes: Buffer; rowCount: () => number }> {
  let bytes: Buffer = Buffer.allocUnsafeSlow(Math.max(expectedBytes, 1 << 16))
  let size = 0
  const pieces = copyOut(connection, sql)
  for (;;) {
    const next = await pieces.next()
    if (next.done) return { bytes: bytes.subarray(0, size), rowCount: next.value }
    if (size + next.value.length > bytes.length) bytes = grow(bytes, size, next.value.length)
    size += next.value.copy(bytes, size)
  }
}

function grow(bytes: Buffer, size: number, more: number): Buffer {
  const wider = Buffer.allocUnsafeSlow(Math.max(bytes.length + (bytes.length >> 1), size + more))
  bytes.copy(wider, 0, 0, size)
  return wider
}
