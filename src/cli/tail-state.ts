import type { DeadLetters } from '../contracts/dead-letters.ts'
import type { SinkRecord, SinkState } from '../contracts/sink.ts'
import type { StateStore } from '../contracts/state-store.ts'

/** The memory of a look, gone with it. Nobody else can ask it anything. */
export function createTailState(): StateStore {
  const facts = new Map<string, unknown>()
  const sinks = new Map<string, SinkRecord & { data: unknown }>()
  const sink = (name: string): SinkState => ({
    load: async () => sinks.get(name) ?? null,
    async save({ position, carry, chunks, data }) {
      sinks.set(name, { position, carry, chunks: [...(sinks.get(name)?.chunks ?? []), ...chunks], data })
    },
  })
  return {
    get: async (key) => facts.get(key) ?? null,
    set: async (entries) => Object.entries(entries).forEach(([key, value]) => facts.set(key, value)),
    delete: async (key) => void facts.delete(key),
    keys: async (prefix) => [...facts.keys()].filter((key) => key.startsWith(prefix)),
    sink,
    deadLetters: NO_LETTERS,
    forgetSink: async (name) => void sinks.delete(name),
    ask: async () => null,
    requests: async () => [],
    answer: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}

/** A look sets nothing aside: what cannot be shown ends it. */
const NO_LETTERS: DeadLetters = {
  add: async () => {},
  list: async () => [],
  line: async () => null,
  content: async () => null,
  failedAgain: async () => {},
  remove: async () => {},
}
