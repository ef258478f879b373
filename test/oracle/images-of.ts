import { createTextDecoder } from '../../src/codecs/pg-types/create-text-decoder.ts'
import { createTupleScanner } from '../../src/codecs/pgoutput/tuple-image.ts'
import { createTupleDecoder } from '../../src/codecs/pgoutput/tuple.ts'
import type { RowImage } from '../../src/contracts/row-image.ts'
import type { Table } from '../../src/contracts/table.ts'
import { tupleOf } from '../../src/testing/imaged-changes.ts'

/** Rows `(1, text)`, `(2, text)` … of a table of two columns as the log sends them. */
export function imagesOf(table: Table, texts: readonly (Buffer | null)[]): RowImage[] {
  const columns = table.columns.map(({ name, type }, target) => ({ name, type, target, decode: createTextDecoder(type) }))
  const scan = createTupleScanner(columns, createTupleDecoder(columns))
  return texts.map((text, row) => {
    const tuple = tupleOf([String(row + 1), text])
    const image = scan(tuple, 0, tuple.length, { at: 0, need: 0 })
    if (!image) throw new Error(`row ${row} has no image`)
    return image
  })
}
