import type { SinkRecord, SinkState } from '../contracts/sink.ts'

/** A sink's part of the state store, in memory: it survives the sinks opened on it. */
export function createMemorySinkState(): SinkState {
  let saved: (SinkRecord & { data: unknown }) | null = null
  return {
    load: async () => saved,
    async save({ position, carry, chunks, data }) {
      const done = new Set(saved?.chunks)
      for (const chunk of chunks) {
        const generation = chunk.endsWith('/end') ? chunk.slice(0, -'end'.length) : null
        if (generation !== null) for (const other of done) if (other.startsWith(generation)) done.delete(other)
        done.add(chunk)
      }
      saved = { position, carry, chunks: [...done], data: JSON.parse(JSON.stringify(data)) }
    },
  }
}
