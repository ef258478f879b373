import { columnsOfRows } from '../codecs/parquet/columns-of-rows.ts'
import { createTextDecoder } from '../codecs/pg-types/create-text-decoder.ts'
import { toPgText } from '../codecs/pg-types/to-pg-text.ts'
import { createTupleScanner } from '../codecs/pgoutput/tuple-image.ts'
import { createTupleDecoder } from '../codecs/pgoutput/tuple.ts'
import type { Batch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { RowImage } from '../contracts/row-image.ts'
import { UNCHANGED, type Row, type Table, type Value } from '../contracts/table.ts'

/** The same batch as a source hands it on that keeps rows in the bytes they came in, where it would, and chunks in columns. */
export function withImages(batch: Batch): Batch {
  if (batch.kind === 'changes') return { ...batch, changes: batch.changes.map(withImage) }
  return batch.kind === 'rows' ? { ...batch, columns: () => columnsOfRows(batch.table.columns, batch.rows()) } : batch
}

function withImage(change: Change): Change {
  if (change.op !== 'insert' && change.op !== 'update') return change
  if (change.before !== null || change.oldKey !== null || change.after.includes(UNCHANGED)) return change
  // As a source has it: whoever copies the change member by member loses `after`, and is found out.
  const { after, ...rest } = change
  const accessor = {
    get after() {
      return after
    },
  }
  return Object.assign(Object.create(accessor), rest, { image: imageOf(change.table, after) }) as Change // the same members
}

/** The image of a whole row, from the text that Postgres would print. */
export function imageOf(table: Table, row: Row): RowImage {
  const columns = table.columns.map(({ name, type }, target) => ({ name, type, target, decode: createTextDecoder(type) }))
  const texts = table.columns.map(({ type }, at) => (row[at] === null ? null : toPgText(type, row[at] as NonNullable<Value>))) // whole: every value is there
  const tuple = tupleOf(texts)
  const image = createTupleScanner(columns, createTupleDecoder(columns))(tuple, 0, tuple.length, { at: 0, need: 0 })
  if (!image) throw new TypeError(`no image of a row of ${table.name}`)
  return image
}

/** `TupleData` of pgoutput: manual, "Logical Replication Message Formats". */
export function tupleOf(texts: readonly (string | Buffer | null)[]): Buffer {
  const fields = texts.map((text) => {
    if (text === null) return Buffer.from('n')
    const bytes = Buffer.from(text)
    const head = Buffer.from('t\0\0\0\0')
    head.writeInt32BE(bytes.length, 1)
    return Buffer.concat([head, bytes])
  })
  const count = Buffer.alloc(2)
  count.writeInt16BE(texts.length)
  return Buffer.concat([count, ...fields])
}
