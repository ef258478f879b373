import { to as copyTo } from 'pg-copy-streams'
import type { Connection } from './connection.ts'
import { toSourceError } from './errors.ts'

/** What COPY sends, in pieces as the socket brings them; the rows counted by the server are returned at the end. */
export async function* copyOut(connection: Connection, sql: string): AsyncGenerator<Buffer, number> {
  const copy = connection.query(copyTo(sql, { highWaterMark: 1 << 20 }))
  try {
    for await (const piece of copy as AsyncIterable<Buffer>) yield piece
  } catch (error) {
    throw toSourceError(error, { phase: 'query' })
  }
  return copy.rowCount
}

/** Everything that COPY sends. */
export async function copyWhole(connection: Connection, sql: string): Promise<{ bytes: readonly Buffer[]; rowCount: number }> {
  const bytes: Buffer[] = []
  const pieces = copyOut(connection, sql)
  for (;;) {
    const next = await pieces.next()
    if (next.done) return { bytes, rowCount: next.value }
    bytes.push(next.value)
  }
}
