import type { Position } from '../../contracts/position.ts'
import { OWN_PREFIX } from './batcher.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { serverVersionOf, type Connection } from './connection.ts'

const ASK_SPACING_MS = 20
/** An answer cannot help where the log itself stands still: what was inserted is not flushed, and nobody else writes. */
const WRITE_AFTER_MS = 500

/** `Source.nudge`: asks often, writes once per position, and never again where the role may not. */
export function createNudger(options: {
  pool: ConnectionPool
  ask(position: Position): void
}): (position: Position, waitedMs: number) => void {
  let askedAtMs = -Infinity
  let asked = ''
  let written = ''
  let mayWrite = true

  const write = async () => {
    try {
      await options.pool.use(writeMessage)
    } catch {
      mayWrite = false // then waiting is all there is; the stream itself reports a broken server
    }
  }
  return (position, waitedMs) => {
    const now = performance.now()
    if (position !== asked || now - askedAtMs >= ASK_SPACING_MS) {
      asked = position
      askedAtMs = now
      options.ask(position)
    }
    if (waitedMs < WRITE_AFTER_MS || !mayWrite || written >= position) return
    written = position
    void write()
  }
}

/** One message that is flushed when the call returns: it pushes the flushed end of the log past everything inserted before. */
async function writeMessage(connection: Connection): Promise<void> {
  if (serverVersionOf(connection) >= 170_000) {
    await connection.query(`SELECT pg_catalog.pg_logical_emit_message(false, '${OWN_PREFIX}', '', true)`)
    return
  }
  // Before 17 only a commit flushes. Locally: a synchronous standby that does not answer must not hold it.
  await connection.query(
    `BEGIN; SET LOCAL synchronous_commit = 'local'; SELECT pg_catalog.pg_logical_emit_message(true, '${OWN_PREFIX}', ''); COMMIT`,
  )
}
