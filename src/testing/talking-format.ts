import type { Format, Message } from '../contracts/format.ts'
import { tableName } from '../contracts/table.ts'
import { createPlainFormat } from './plain-format.ts'

/**
 * The plain format, as one that says all that a format can: schemas, a tombstone behind each delete, and, where there is a topic for
 * it, the end of each transaction.
 */
export function createTalkingFormat(topic: string | null): Format {
  const plain = createPlainFormat()
  return {
    ...plain,
    change(change) {
      const messages = plain.change(change)
      return change.op === 'delete' ? messages.flatMap((message) => [message, { ...message, value: null }]) : messages
    },
    control: ({ event, table, end }) => [said(null, tableName(table), [event, end, tableName(table)])],
    after({ changes, end, betweenTransactions }) {
      return topic !== null && betweenTransactions && changes.length > 0 ? [said(topic, end, ['end', end, '', `${changes.length}`])] : []
    },
  }
}

function said(topic: string | null, key: string, value: readonly string[]): Message {
  return { topic, key: JSON.stringify(key), value: JSON.stringify(value), headers: null }
}
