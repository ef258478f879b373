import type { SourceContext } from '../../contracts/definition.ts'
import { quoteLiteral } from './catalogue-sql.ts'
import type { Connection } from './connection.ts'
import { isForbidden, queryRows } from './query.ts'

type State = Pick<SourceContext['state'], 'get' | 'set' | 'delete'>

/** The walsender that holds the slot for us. A process number alone is soon another's: with its start it is nobody else's. */
type Reader = { pid: number; started: string }

const FACT = 'postgres/reader'

/** Written before the walsender takes the slot: whatever ends us after that, the next run knows whom we left behind. */
export async function rememberReader(walsender: Connection, state: State): Promise<void> {
  const [row] = await queryRows(
    walsender,
    'SELECT pid::text, backend_start::text FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()',
  )
  await state.set({ [FACT]: { pid: Number(row?.[0] ?? 0), started: row?.[1] ?? '' } satisfies Reader })
}

export async function forgetReader(state: State): Promise<void> {
  await state.delete(FACT)
}

/**
 * After a kill -9 or a cut network the server keeps our walsender, and with it the slot, until it notices (60 s by default).
 * Ends that process and no other: the state store is held by one pipeline at a time, so who we wrote down reads for nobody.
 */
export async function endLeftBehind(connection: Connection, state: State, pid: number): Promise<boolean> {
  const left = ((await state.get(FACT)) ?? null) as Reader | null // written by this file only
  if (left?.pid !== pid) return false
  try {
    const ended = await queryRows(
      connection,
      `SELECT pg_catalog.pg_terminate_backend(pid)::text FROM pg_catalog.pg_stat_activity
       WHERE pid = ${pid} AND backend_start::text = ${quoteLiteral(left.started)}`,
    )
    return ended.length > 0
  } catch (error) {
    // Another role's walsender, from before the URL was changed: it is waited for like anybody's.
    if (isForbidden(error)) return false
    throw error
  }
}
