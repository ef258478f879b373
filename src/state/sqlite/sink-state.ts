import type { DatabaseSync } from 'node:sqlite'
import type { SinkRecord, SinkState } from '../../contracts/sink.ts'
import { guarded, inTransaction } from './database.ts'

/** One sink's record: checkpoint, finished chunks and its own data, saved in one transaction. */
export function createSinkState(database: DatabaseSync, path: string, name: string): SinkState {
  const read = database.prepare('SELECT position, carry, data FROM sinks WHERE name = ?')
  const readChunks = database.prepare('SELECT id FROM chunks WHERE sink = ? ORDER BY id')
  const write = database.prepare('INSERT OR REPLACE INTO sinks (name, position, carry, data) VALUES (?, ?, ?, ?)')
  const addChunk = database.prepare('INSERT OR IGNORE INTO chunks (sink, id) VALUES (?, ?)')
  const endGeneration = database.prepare('DELETE FROM chunks WHERE sink = ?1 AND substr(id, 1, length(?2)) = ?2')

  function addFinished(id: string): void {
    // The end of a generation says that all its chunks are done: one id instead of thousands.
    if (id.endsWith('/end')) endGeneration.run(name, id.slice(0, -'end'.length))
    addChunk.run(name, id)
  }

  return {
    async load() {
      return guarded(path, () => {
        const row = read.get(name) as { position: string; carry: string; data: string } | undefined
        if (row === undefined) return null
        const chunks = (readChunks.all(name) as { id: string }[]).map(({ id }) => id)
        return { position: row.position, carry: row.carry, chunks, data: JSON.parse(row.data) as unknown }
      })
    },
    async save(step: SinkRecord & { data: unknown }) {
      guarded(path, () =>
        inTransaction(database, () => {
          write.run(name, step.position, step.carry, JSON.stringify(step.data ?? null))
          for (const id of step.chunks) addFinished(id)
        }),
      )
    },
  }
}
