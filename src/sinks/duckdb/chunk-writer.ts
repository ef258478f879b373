import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Columns } from '../../contracts/batch.ts'
import type { Row, Value } from '../../contracts/table.ts'
import type { Database } from './client.ts'
import type { DuckType } from './column-type.ts'
import type { TableName } from './quote.ts'
import { CHUNK_ROWS, type ColumnWriter, type Misfit } from './vectors/cells.ts'
import { createColumnWriter } from './vectors/create-writer.ts'

/** Appends rows to one table in data chunks of 2048; `source[j]` is where column j stands in the rows given. */
export type ChunkWriter = {
  appendRows(table: TableName, rows: readonly Row[], source: readonly number[]): Promise<void>
  appendColumns(table: TableName, columns: Columns, source: readonly number[]): Promise<void>
}

export type WrittenColumn = { type: DuckType; misfit: Misfit }

/** Appending is synchronous in the library: after this many chunks the event loop has its turn. */
const CHUNKS_PER_TURN = 4

export function createChunkWriter(database: Database, columns: readonly WrittenColumn[]): ChunkWriter {
  const { bindings } = database
  const writers = columns.map(({ type, misfit }) => createColumnWriter(type, { bindings, misfit }))
  const chunk = bindings.create_data_chunk(writers.map((writer) => writer.logical))

  async function append(
    table: TableName,
    rowCount: number,
    fill: (writer: ColumnWriter, at: { column: number; start: number; count: number }) => void,
  ) {
    if (rowCount === 0) return
    const appender = database.openAppender(table)
    let failed = true
    try {
      for (let start = 0, chunks = 0; start < rowCount; start += CHUNK_ROWS) {
        const count = Math.min(CHUNK_ROWS, rowCount - start)
        bindings.data_chunk_reset(chunk)
        bindings.data_chunk_set_size(chunk, count)
        for (let column = 0; column < writers.length; column++) fill(writers[column] as ColumnWriter, { column, start, count })
        appender.append(chunk)
        if (++chunks % CHUNKS_PER_TURN === 0) {
          appender.flush()
          await nextTurn()
        }
      }
      failed = false
    } finally {
      closeAppender(appender, failed)
    }
  }

  return {
    appendRows(table, rows, source) {
      const values: (Row[number] | null)[] = Array.from({ length: CHUNK_ROWS }, () => null)
      return append(table, rows.length, (writer, { column, start, count }) => {
        const from = source[column] ?? 0
        for (let i = 0; i < count; i++) values[i] = (rows[start + i] as Row)[from] as Value
        writer.write(values, count, bindings.data_chunk_get_vector(chunk, column))
      })
    },
    appendColumns(table, { rowCount, vectors }, source) {
      return append(table, rowCount, (writer, { column, start, count }) => {
        const from = vectors[source[column] ?? 0]
        if (!from) throw new RangeError(`no vector for column ${column}`)
        const target = bindings.data_chunk_get_vector(chunk, column)
        if (writer.copy(from, start, count, target)) return
        writer.write(valuesOf(from, start, count), count, target)
      })
    },
  }
}

/** Only `values` vectors come here: every other form is its column's own, which `copy` takes. */
function valuesOf(from: Columns['vectors'][number], start: number, count: number): readonly Row[number][] {
  if (from.form !== 'values') throw new TypeError(`a vector of form ${from.form} where the column has another`)
  return from.values.slice(start, start + count)
}

/** Closing writes what is left. After a failure the transaction is rolled back: what closing says then is not the cause. */
function closeAppender(appender: { close(): void }, failed: boolean): void {
  try {
    appender.close()
  } catch (error) {
    if (!failed) throw error
  }
}
