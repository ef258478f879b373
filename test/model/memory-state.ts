import type { StateStore } from '../../src/contracts/state-store.ts'

/** Facts in memory, as JSON: what a restart reads is what could have been written. */
export function createMemoryState(): Pick<StateStore, 'get' | 'set' | 'delete' | 'keys'> & { facts: Map<string, string> } {
  const facts = new Map<string, string>()
  return {
    facts,
    get: async (key) => (facts.has(key) ? (JSON.parse(facts.get(key) ?? 'null') as unknown) : null),
    async set(entries) {
      for (const [key, value] of Object.entries(entries)) facts.set(key, JSON.stringify(value))
    },
    async delete(key) {
      facts.delete(key)
    },
    keys: async (prefix) => [...facts.keys()].filter((key) => key.startsWith(prefix)),
  }
}
