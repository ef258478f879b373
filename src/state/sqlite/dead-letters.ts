import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { DeadLetter, DeadLetterChoice, DeadLetters } from '../../contracts/dead-letters.ts'
import { guarded, inTransaction } from './database.ts'

type Stored = Omit<DeadLetter, 'waits' | 'timeMs'> & { place: string; waits: number; time: number }

const COLUMNS = 'id, sink, place, "table", op, key, position, ordinal, code, message, waits, time, attempts'

/** Dead letters in the pipeline's own database: set aside for good before anything behind them is durable. */
export function createDeadLetters(database: DatabaseSync, path: string): DeadLetters {
  const run = <T>(work: () => T) => guarded(path, work)

  return {
    async add(letters) {
      run(() =>
        inTransaction(database, () => {
          const write = database.prepare(
            `INSERT OR IGNORE INTO letters (sink, place, "table", op, key, position, ordinal, code, message, waits, time, attempts, line, content)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)`,
          )
          for (const { sink, place, table, op, key, position, ordinal, code, message, waits, timeMs, line, content } of letters)
            write.run(sink, place, table, op, key, position, ordinal, code, message, waits ? 1 : 0, timeMs, line, content)
        }),
      )
    },
    async list(choice = {}) {
      const { condition, values } = conditionOf(choice)
      // Within a transaction by ordinal; rows of snapshots before the changes at their position, in the order in which they were set aside.
      const sql = `SELECT ${COLUMNS} FROM letters ${condition} ORDER BY substr(position, 1, 16), coalesce(ordinal, -1), id`
      const rows = run(() => database.prepare(sql).all(...values)) as Stored[]
      return rows.map(({ waits, time, ...rest }) => ({ ...rest, waits: waits === 1, timeMs: time }))
    },
    line: async (id) => (one('line', id) as string | undefined) ?? null,
    content: async (id) => (one('content', id) as Uint8Array | undefined) ?? null,
    async failedAgain(id, { code, message }) {
      run(() => database.prepare('UPDATE letters SET attempts = attempts + 1, code = ?, message = ? WHERE id = ?').run(code, message, id))
    },
    async remove(ids) {
      run(() =>
        inTransaction(database, () => {
          const remove = database.prepare('DELETE FROM letters WHERE id = ?')
          for (const id of ids) remove.run(id)
        }),
      )
    },
  }

  function one(column: 'line' | 'content', id: number): unknown {
    return run(() => database.prepare(`SELECT ${column} FROM letters WHERE id = ?`).get(id))?.[column]
  }
}

function conditionOf({ ids, sink, table, key, code }: DeadLetterChoice): { condition: string; values: SQLInputValue[] } {
  const parts: [string, SQLInputValue][] = []
  if (sink !== undefined) parts.push(['sink = ?', sink])
  if (table !== undefined) parts.push(['"table" = ?', table])
  if (key !== undefined) parts.push(['key = ?', key])
  if (code !== undefined) parts.push(['code = ?', code])
  if (ids !== undefined) parts.push(['id IN (SELECT value FROM json_each(?))', JSON.stringify(ids)])
  const condition = parts.length === 0 ? '' : `WHERE ${parts.map(([text]) => text).join(' AND ')}`
  return { condition, values: parts.map(([, value]) => value) }
}
