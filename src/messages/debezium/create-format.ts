import type { Change, MessageChange, RowChange, Transaction } from '../../contracts/change.ts'
import type { Format, Message, ReadPlace } from '../../contracts/format.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import type { Row, Table } from '../../contracts/table.ts'
import { messageLines } from '../message-lines.ts'
import { createHeartbeat } from './heartbeat.ts'
import { createLogicalMessages, MESSAGE_COLLECTION } from './logical-message.ts'
import { topicName } from './names.ts'
import { partsOf, type DebeziumRecord, type Shape } from './record.ts'
import type { Settings } from './settings.ts'
import { createSourceBlock, placeText, type PlaceText } from './source-block.ts'
import { createTableForm, type TableForm } from './table-form.ts'
import { createTransactionTopic, numberOf } from './transaction-topic.ts'

/** A change that is one message of one row, all of which is there in bytes. */
export type Imaged = Extract<RowChange, { op: 'insert' | 'update' }> & { image: RowImage; lsn: number }

/** A shorter way for such changes, for one table version; −1 and null where there is none. */
export type Bytes = { line(change: Imaged, out: Buffer, at: number): number; message(change: Imaged): Message | null }

export type BytesOf = (form: TableForm, place: PlaceText) => Bytes

/**
 * What both of Debezium's formats do: which records a change is, and all that is not about rows. `shape` makes messages of records,
 * `bytesOf` the same messages of rows that lie in bytes.
 */
export function createDebeziumFormat(settings: Settings, shape: Shape, bytesOf: BytesOf | null = null): Format {
  const { options, prefix, nowMs } = settings
  const encoderOf = createEncoders(settings, { shape, bytesOf })
  const sources = createSourceBlock(prefix, nowMs)
  const times = createTimes(nowMs)
  const messages = createLogicalMessages(settings)
  const heartbeat = createHeartbeat(settings)
  const skipped = new Set(options['skipped.operations'])
  const told = { context: contextHeaders(settings), skipsUnchanged: options['skip.messages.without.change'] }
  const transactions = options['provide.transaction.metadata'] ? createTransactionTopic(transactionOptions(settings)) : null
  let database = options['database.dbname'] ?? ''
  let latest: Transaction | null = null

  /** Changes of a transaction that is told are counted, which is the longer way's. */
  const isImaged = (each: Change): each is Imaged =>
    (each.op === 'insert' || each.op === 'update') &&
    each.image !== undefined &&
    each.lsn !== undefined &&
    transactions === null &&
    !skipped.has(each.op === 'insert' ? 'c' : 'u')

  const change = (each: Change): readonly Message[] => {
    const message = bytesOf && isImaged(each) ? enter(each).bytes?.message(each) : null
    return message ? [message] : changeOverText(each)
  }

  /** What a logical message takes from the change before it is kept. */
  const enter = ({ table, tx }: Exclude<Change, MessageChange>): Encoder => {
    const encoder = encoderOf(table)
    database = encoder.database
    latest = tx
    return encoder
  }

  /** A change that has no form is set aside, or stops the run: what it would have been is counted in neither case. */
  const changeOverText = (each: Change): readonly Message[] =>
    transactions === null ? recordsOf(each) : transactions.attempt(() => recordsOf(each))

  const recordsOf = (each: Change): readonly Message[] => {
    if (each.op === 'message') return messages.wants(each) ? messageOf(each) : []
    const out: Message[] = transactions ? [...transactions.enter(each.tx)] : []
    const encoder = enter(each)
    const lsn = each.lsn ?? numberOf(each.tx.position)
    for (const part of partsOf(each, encoder.form, told)) {
      if (skipped.has(part.op)) continue
      const source = sources.change(each.tx, lsn, encoder.place)
      const transaction = transactions ? transactions.count(encoder.form.collection, lsn) : 'null'
      encoder.push({ part, source, transaction, times: times() }, out)
    }
    return out
  }

  const messageOf = (each: MessageChange): readonly Message[] => {
    const lsn = each.lsn ?? numberOf(each.position)
    const place = placeText({ database, schema: '', table: '' })
    const out = [...(transactions === null ? [] : each.tx === null ? transactions.leave() : transactions.enter(each.tx))]
    if (each.tx !== null) latest = each.tx
    const source = each.tx === null ? sources.loose(lsn, place, latest) : sources.change(each.tx, lsn, place)
    const transaction = transactions !== null && each.tx !== null ? transactions.count(MESSAGE_COLLECTION, lsn) : 'null'
    out.push(messages.message(each, { source, transaction, nowMs: nowMs() }))
    return out
  }

  const read = (table: Table, row: Row, at: ReadPlace): readonly Message[] => {
    const { form, place, push } = encoderOf(table)
    const out: Message[] = []
    const source = sources.read(numberOf(at.position), place)
    const part = { op: 'r' as const, before: null, after: row, image: null, key: form.key(row), headers: {} }
    push({ part, source, transaction: 'null', times: times() }, out)
    return out
  }

  return {
    change,
    read,
    after: (batch) => [...(transactions && batch.betweenTransactions ? transactions.leave() : []), ...heartbeat()],
    wholeTransactions: transactions !== null,
    changeLine: (each) => messageLines(changeOverText(each)),
    readLine: (table, row, at) => messageLines(read(table, row, at)),
    lines: messageLines,
    ...(bytesOf && {
      writeLine: (each: Change, out: Buffer, at: number) => (isImaged(each) ? (enter(each).bytes?.line(each, out, at) ?? -1) : -1),
    }),
  }
}

type Encoder = {
  form: TableForm
  place: PlaceText
  database: string
  push: (record: DebeziumRecord, out: Message[]) => void
  bytes: Bytes | null
}

/** One encoder per table version, the last one at hand: changes of one table mostly come together. */
function createEncoders({ options, prefix }: Settings, how: { shape: Shape; bytesOf: BytesOf | null }): (table: Table) => Encoder {
  const encoders = new WeakMap<Table, Encoder>()
  let lastTable: Table | null = null
  let last: Encoder
  const create = (table: Table): Encoder => {
    const database = options['database.dbname'] ?? table.database ?? ''
    const form = createTableForm(table, options, prefix)
    const place = placeText({ database, schema: table.schema, table: table.name })
    return { form, database, place, push: how.shape(form), bytes: how.bytesOf?.(form, place) ?? null }
  }
  return (table) => {
    if (table === lastTable) return last
    let encoder = encoders.get(table)
    if (!encoder) encoders.set(table, (encoder = create(table)))
    lastTable = table
    return (last = encoder)
  }
}

/** The time as Debezium tells it thrice; the text of the last millisecond is kept. */
function createTimes(nowMs: () => number): () => string {
  let last = -1
  let text = ''
  return () => {
    const now = nowMs()
    if (now !== last) {
      last = now
      text = `"ts_ms":${now},"ts_us":${now}000,"ts_ns":${now}000000`
    }
    return text
  }
}

/** Of a connector there is always one task, 0, and its name is its kind. */
export function contextHeaders({ options, prefix }: Settings): Record<string, string> {
  if (!options['extended.headers.enabled']) return {}
  return {
    '__debezium.context.connectorLogicalName': prefix,
    '__debezium.context.taskId': '0',
    '__debezium.context.connectorName': 'postgresql',
  }
}

function transactionOptions({ options, prefix, keySchemas, valueSchemas }: Settings) {
  const topic = topicName([prefix, options['topic.transaction']], options['topic.delimiter'])
  return { topic, keySchemas, valueSchemas, adjustment: options['schema.name.adjustment.mode'] }
}
