import { createHash } from 'node:crypto'

/** What Kafka takes as a topic's name. */
const LEGAL = /^[a-zA-Z0-9._-]{1,249}$/
const LONGEST = 249
const HASH = 10

/**
 * The name as Kafka takes it: as it is where it is legal. Else what is not becomes `_`, and a hash of the whole parts it from others that
 * would be written alike.
 */
export function topicName(text: string): string {
  if (LEGAL.test(text) && text !== '.' && text !== '..') return text
  const hash = createHash('sha256').update(text).digest('hex').slice(0, HASH)
  const readable = text.replace(/[^a-zA-Z0-9._-]/gu, '_').slice(0, LONGEST - HASH - 1)
  return `${readable}-${hash}`
}
