import type { Transaction } from '../../contracts/change.ts'
import type { Message } from '../../contracts/format.ts'
import { INT64, optional, STRING, wrapping, type ConnectField, type ConnectSchema } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'
import { adjustSchemaName, type Adjustment } from './names.ts'

export const TRANSACTION_SCHEMA: ConnectField = {
  field: 'transaction',
  type: 'struct',
  optional: true,
  name: 'event.block',
  version: 1,
  fields: [
    { field: 'id', ...STRING },
    { field: 'total_order', ...INT64 },
    { field: 'data_collection_order', ...INT64 },
  ],
}

export type TransactionTopic = {
  /** The messages before the first of a transaction: the end of the one before, and its own begin. */
  enter(tx: Transaction): readonly Message[]
  /** Counts a message of the transaction that was entered; its place as JSON. */
  count(collection: string, lsn: number): string
  /** The end of the transaction that was entered, if one was. */
  leave(): readonly Message[]
  /** Does what counts messages; where that throws, none of them was counted. */
  attempt<T>(work: () => T): T
}

export type TransactionTopicOptions = { topic: string; keySchemas: boolean; valueSchemas: boolean; adjustment: Adjustment }

/** Begin and end of each transaction that has messages, and what it holds. It has to see each one whole. */
export function createTransactionTopic(options: TransactionTopicOptions): TransactionTopic {
  const adjusted = (schema: ConnectSchema) => ({ ...schema, name: adjustSchemaName(schema.name ?? '', options.adjustment) })
  const keyAround = wrapping(options.keySchemas ? adjusted(KEY_SCHEMA) : null)
  const valueAround = wrapping(options.valueSchemas ? adjusted(VALUE_SCHEMA) : null)
  let current: Transaction | null = null
  let total = 0
  let counts = new Map<string, number>()

  const message = (id: string, rest: string): Message => ({
    topic: options.topic,
    key: `${keyAround.before}{"id":"${id}"}${keyAround.after}`,
    value: `${valueAround.before}${rest}${valueAround.after}`,
    headers: {},
  })
  const tell = (tx: Transaction, status: 'BEGIN' | 'END', lsn: number, rest: string): Message => {
    const id = `${tx.xid}:${lsn}`
    return message(id, `{"status":"${status}","id":"${id}",${rest},"ts_ms":${Math.floor(tx.commitTimeUs / 1000)}}`)
  }

  const leave = (): Message[] => {
    if (current === null) return []
    const tx = current
    current = null
    const collections = [...counts].map(([name, count]) => `{"data_collection":${quoted(name)},"event_count":${count}}`)
    const rest = `"event_count":${total},"data_collections":[${collections.join(',')}]`
    return [tell(tx, 'END', tx.log?.end ?? numberOf(tx.position), rest)]
  }
  return {
    leave,
    attempt(work) {
      const before = { current, total, counts: new Map(counts) }
      try {
        return work()
      } catch (error) {
        ;({ current, total, counts } = before)
        throw error
      }
    },
    enter(tx) {
      if (current === tx) return []
      // The log may be read again from before it (a session failed): it comes once more, and did not end.
      const before = current !== null && current.position < tx.position ? leave() : []
      current = tx
      total = 0
      counts = new Map()
      return [...before, tell(tx, 'BEGIN', tx.log?.first ?? numberOf(tx.position), '"event_count":null,"data_collections":null')]
    },
    count(collection, lsn) {
      const count = (counts.get(collection) ?? 0) + 1
      counts.set(collection, count)
      return `{"id":"${current?.xid}:${lsn}","total_order":${++total},"data_collection_order":${count}}`
    },
  }
}

/** The byte of the log that a position's first 16 digits name. */
export function numberOf(position: string): number {
  return Number.parseInt(position.slice(0, 16), 16)
}

const COUNT = { ...optional(INT64), field: 'event_count' }
const COLLECTION: ConnectSchema = {
  type: 'struct',
  optional: true,
  name: 'event.collection',
  version: 1,
  fields: [
    { field: 'data_collection', ...STRING },
    { field: 'event_count', ...INT64 },
  ],
}
const KEY_SCHEMA: ConnectSchema = {
  type: 'struct',
  optional: false,
  name: 'io.debezium.connector.common.TransactionMetadataKey',
  version: 1,
  fields: [{ field: 'id', ...STRING }],
}
const VALUE_SCHEMA: ConnectSchema = {
  type: 'struct',
  optional: false,
  name: 'io.debezium.connector.common.TransactionMetadataValue',
  version: 1,
  fields: [
    { field: 'status', ...STRING },
    { field: 'id', ...STRING },
    COUNT,
    { field: 'data_collections', type: 'array', optional: true, items: COLLECTION },
    { field: 'ts_ms', ...INT64 },
  ],
}
