/** Facts in memory, as JSON: what a state store gives a source. */
export function memoryState() {
  const facts = new Map<string, string>()
  return {
    facts,
    get: async (key: string) => (facts.has(key) ? (JSON.parse(facts.get(key)!) as unknown) : null),
    set: async (entries: Record<string, unknown>) => {
      for (const [key, value] of Object.entries(entries)) facts.set(key, JSON.stringify(value))
    },
    delete: async (key: string) => void facts.delete(key),
  }
}
