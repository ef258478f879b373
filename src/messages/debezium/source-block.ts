import type { Transaction } from '../../contracts/change.ts'
import { STRING, INT64, optional, type ConnectField } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'

/** The release whose messages these are. */
export const DEBEZIUM_VERSION = '3.6.1.Final'

const ALLOWED = 'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental'
const SNAPSHOT = { ...optional(STRING), name: 'io.debezium.data.Enum', version: 1, parameters: { allowed: ALLOWED }, default: 'false' }
const MAYBE_INT64 = optional(INT64)
const MAYBE_STRING = optional(STRING)

export const SOURCE_SCHEMA: ConnectField = {
  field: 'source',
  type: 'struct',
  optional: false,
  name: 'io.debezium.connector.postgresql.Source',
  version: 1,
  fields: [
    { field: 'version', ...STRING },
    { field: 'connector', ...STRING },
    { field: 'name', ...STRING },
    { field: 'ts_ms', ...INT64 },
    { field: 'snapshot', ...SNAPSHOT },
    { field: 'db', ...STRING },
    { field: 'sequence', ...MAYBE_STRING },
    { field: 'ts_us', ...MAYBE_INT64 },
    { field: 'ts_ns', ...MAYBE_INT64 },
    { field: 'schema', ...STRING },
    { field: 'table', ...STRING },
    { field: 'txId', ...MAYBE_INT64 },
    { field: 'lsn', ...MAYBE_INT64 },
    { field: 'xmin', ...MAYBE_INT64 },
    { field: 'origin', ...MAYBE_STRING },
    { field: 'origin_lsn', ...MAYBE_INT64 },
  ],
}

/** Where a message stands: its table, or nothing for a logical message. */
export type SourcePlace = { database: string; schema: string; table: string }

export type SourceBlock = {
  /** Of a change in the log at the byte `lsn`. */
  change(tx: Transaction, lsn: number, place: PlaceText): string
  /** The same in the three parts between which `lsn` stands. */
  parts(tx: Transaction, place: PlaceText): readonly [begin: string, middle: string, rest: string]
  /** Of a logical message outside a transaction, which stands for a commit; its time is that of the transaction before, as Debezium has it. */
  loose(lsn: number, place: PlaceText, before: Transaction | null): string
  /** Of a row read beside the log, at the byte `position` of it: in Debezium's words, of an incremental snapshot. */
  read(position: number, place: PlaceText): string
}

/** A place, put into text once. */
export type PlaceText = { database: string; names: string }

export function placeText({ database, schema, table }: SourcePlace): PlaceText {
  return { database: quoted(database), names: `,"schema":${quoted(schema)},"table":${quoted(table)},"txId":` }
}

const REST = ',"xmin":null,"origin":null,"origin_lsn":null}'

function restOf({ log }: Transaction): string {
  return log?.origin ? `,"xmin":null,"origin":${quoted(log.origin.name)},"origin_lsn":${log.origin.lsn}}` : REST
}

/** `nowMs`: the time that rows read have for want of one of their own. What a transaction's changes share is put together once. */
export function createSourceBlock(prefix: string, nowMs: () => number): SourceBlock {
  const head = `{"version":"${DEBEZIUM_VERSION}","connector":"postgresql","name":${quoted(prefix)},"ts_ms":`
  const start = (timeMs: number, snapshot: string, database: string): string =>
    `${head}${timeMs},"snapshot":"${snapshot}","db":${database},"sequence":"[`
  const times = (timeUs: string): string => `]","ts_us":${timeUs},"ts_ns":${timeUs}000`

  let lastTx: Transaction | null = null
  let lastPlace: PlaceText | null = null
  let last: readonly [string, string, string] = ['', '', '']
  const parts = (tx: Transaction, place: PlaceText): typeof last => {
    if (tx !== lastTx || place !== lastPlace) {
      lastTx = tx
      lastPlace = place
      const previous = tx.log ? `\\"${tx.log.previous}\\"` : 'null'
      const begin = `${start(Math.floor(tx.commitTimeUs / 1000), 'false', place.database)}${previous},\\"`
      last = [begin, `\\"${times(String(tx.commitTimeUs))}${place.names}${tx.xid},"lsn":`, restOf(tx)]
    }
    return last
  }

  return {
    parts,
    change(tx, lsn, place) {
      const [begin, middle, rest] = parts(tx, place)
      return begin + lsn + middle + lsn + rest
    },
    loose(lsn, place, before) {
      const us = before === null ? nowMs() * 1000 : before.commitTimeUs
      return `${start(Math.floor(us / 1000), 'false', place.database)}\\"${lsn}\\",\\"${lsn}\\"${times(String(us))}${place.names}null,"lsn":${lsn}${REST}`
    },
    read(position, place) {
      const now = nowMs()
      const sequence = `\\"${position}\\",\\"${position}\\"`
      return `${start(now, 'incremental', place.database)}${sequence}${times(`${now}000`)}${place.names}null,"lsn":null${REST}`
    },
  }
}
