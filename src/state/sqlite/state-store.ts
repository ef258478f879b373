import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import type { DeadLetters } from '../../contracts/dead-letters.ts'
import type { SinkState } from '../../contracts/sink.ts'
import type { StateStore } from '../../contracts/state-store.ts'
import { guarded, inTransaction, openDatabase } from './database.ts'
import { createDeadLetters } from './dead-letters.ts'
import { createSinkState } from './sink-state.ts'

const ANSWER_POLL_MS = 50

/** Opens the state of `pipeline` in the SQLite file `path`. Any number of processes may; only the holder of the lock runs. */
export async function openSqliteState(path: string, options: { pipeline: string }): Promise<StateStore> {
  return new SqliteState(path, openDatabase(path, options.pipeline))
}

class SqliteState implements StateStore {
  readonly #path: string
  readonly #database: DatabaseSync
  readonly deadLetters: DeadLetters
  /** What `PRAGMA data_version` said last: it moves when another connection wrote, so an idle poll reads no table. */
  #seenVersion = -1

  constructor(path: string, database: DatabaseSync) {
    this.#path = path
    this.#database = database
    this.deadLetters = createDeadLetters(database, path)
  }

  async get(key: string): Promise<unknown> {
    const row = this.#guard(() => this.#database.prepare('SELECT value FROM facts WHERE key = ?').get(key)) as { value: string } | undefined
    return row === undefined ? null : JSON.parse(row.value)
  }

  async set(entries: Record<string, unknown>): Promise<void> {
    this.#guard(() =>
      inTransaction(this.#database, () => {
        const write = this.#database.prepare('INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)')
        for (const [key, value] of Object.entries(entries)) write.run(key, JSON.stringify(value ?? null))
      }),
    )
  }

  async delete(key: string): Promise<void> {
    this.#guard(() => this.#database.prepare('DELETE FROM facts WHERE key = ?').run(key))
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const rows = this.#guard(() =>
      this.#database.prepare('SELECT key FROM facts WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key').all(prefix),
    )
    return rows.map((row) => (row as { key: string }).key)
  }

  sink(name: string): SinkState {
    return createSinkState(this.#database, this.#path, name)
  }

  async forgetSink(name: string): Promise<void> {
    this.#guard(() =>
      inTransaction(this.#database, () => {
        this.#database.prepare('DELETE FROM sinks WHERE name = ?').run(name)
        this.#database.prepare('DELETE FROM chunks WHERE sink = ?').run(name)
      }),
    )
  }

  async ask(kind: string, args: unknown, timeoutMs: number): Promise<unknown> {
    const expires = Date.now() + timeoutMs
    const id = this.#guard(
      () =>
        this.#database
          .prepare('INSERT INTO requests (kind, args, expires) VALUES (?, ?, ?)')
          .run(kind, JSON.stringify(args ?? null), expires).lastInsertRowid,
    )
    try {
      while (Date.now() < expires) {
        const row = this.#guard(() => this.#database.prepare('SELECT answer FROM requests WHERE id = ?').get(id)) as
          | { answer: string | null }
          | undefined
        if (row === undefined) return null
        if (row.answer !== null) return JSON.parse(row.answer)
        await delay(ANSWER_POLL_MS)
      }
      return null
    } finally {
      this.#guard(() => this.#database.prepare('DELETE FROM requests WHERE id = ?').run(id))
    }
  }

  /** Also sweeps what nobody waits for any more: an asker that was killed leaves its request behind. */
  async requests(): Promise<readonly { id: number; kind: string; args: unknown }[]> {
    return this.#guard(() => {
      const { data_version: version } = this.#database.prepare('PRAGMA data_version').get() as { data_version: number }
      if (version === this.#seenVersion) return []
      const rows = this.#database.prepare('SELECT id, kind, args, expires, answer FROM requests ORDER BY id').all() as {
        id: number
        kind: string
        args: string
        expires: number
        answer: string | null
      }[]
      this.#seenVersion = version
      const now = Date.now()
      if (rows.some((row) => row.expires <= now)) this.#database.prepare('DELETE FROM requests WHERE expires <= ?').run(now)
      const open = rows.filter((row) => row.answer === null && row.expires > now)
      return open.map(({ id, kind, args }) => ({ id, kind, args: JSON.parse(args) as unknown }))
    })
  }

  async answer(id: number, answer: unknown): Promise<void> {
    this.#guard(() => this.#database.prepare('UPDATE requests SET answer = ? WHERE id = ?').run(JSON.stringify(answer ?? null), id))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#database.isOpen) this.#database.close()
  }

  #guard<T>(work: () => T): T {
    return guarded(this.#path, work)
  }
}
