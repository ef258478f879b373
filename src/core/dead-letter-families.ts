import type { DeadLetter, DeadLetters } from '../contracts/dead-letters.ts'
import { tableName } from '../contracts/table.ts'
import { unpackContent, type LetterContent } from './dead-letter-content.ts'
import { createKeyTexts } from './dead-letter-places.ts'

/**
 * The chosen ones and all that have a key in common with them, in the order of the log. A change of the key has two, that before and
 * that after: what lies aside of either cannot be given without it, nor it without them.
 */
export async function withTheirKeys<L extends DeadLetter>(letters: DeadLetters, all: readonly L[], ids: ReadonlySet<number>): Promise<L[]> {
  const keys = new Map<L, readonly string[]>()
  const byKey = new Map<string, L[]>()
  const texts = createKeyTexts()
  for (const letter of all) {
    const content = await letters.content(letter.id)
    const own = content ? namesOf(unpackContent(content), letter.sink, texts) : []
    keys.set(letter, own)
    for (const key of own) byKey.set(key, [...(byKey.get(key) ?? []), letter])
  }
  const chosen = new Set(all.filter(({ id }) => ids.has(id)))
  // A set gives what is added while it is walked through.
  for (const letter of chosen) for (const key of keys.get(letter) ?? []) for (const other of byKey.get(key) ?? []) chosen.add(other)
  return all.filter((letter) => chosen.has(letter))
}

function namesOf(content: LetterContent, sink: string, texts: ReturnType<typeof createKeyTexts>): string[] {
  const table = 'change' in content ? content.change.table : content.table
  if (table === null) return []
  const own = 'change' in content ? texts.ofChange(content.change) : [texts.of(content.table, content.row)]
  return own.filter((key) => key !== null).map((key) => JSON.stringify([sink, tableName(table), key]))
}
