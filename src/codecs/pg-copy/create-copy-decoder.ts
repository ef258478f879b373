import type { Columns, Vector } from '../../contracts/batch.ts'
import type { Row, Table, Value } from '../../contracts/table.ts'
import type { ValueDecoder } from '../pg-types/value-decoder.ts'
import { withColumn } from '../pg-types/malformed.ts'
import { planColumn, type ColumnPlan } from './choose-writer.ts'
import type { Block } from './column-writer.ts'
import { locateFields, viewOf } from './scan-rows.ts'
import { createValuesColumn } from './varlen-columns.ts'

/**
 * COPY BINARY → rows or columns, for one table version. `starts` come from `scanRows` over the same bytes.
 * Works through blocks of rows, column by column: each inner loop handles one type only.
 */
export type CopyDecoder = {
  rows(buf: Buffer, starts: Int32Array): Row[]
  columns(buf: Buffer, starts: Int32Array): Columns
  /** A row of which only the key columns (all, where there is no key) are filled; the same object each time. */
  keyRow(buf: Buffer, start: number): Row
}

const BLOCK_ROWS = 512

export function createCopyDecoder(table: Table, asText: readonly boolean[]): CopyDecoder {
  const plans = table.columns.map((column, at) => planColumn(column, asText[at] ?? false))
  return {
    rows: (buf, starts) => decodeRows(plans, buf, starts),
    columns: (buf, starts) => decodeColumns(plans, buf, starts),
    keyRow: createKeyRow(table, plans),
  }
}

function decodeColumns(plans: readonly ColumnPlan[], buf: Buffer, starts: Int32Array): Columns {
  const states = plans.map(({ writer }) => writer.create(starts.length))
  forBlocks(buf, starts, plans.length, (block) => {
    for (let column = 0; column < plans.length; column++) {
      // Both lists have one entry per column.
      const plan = plans[column]!
      named(plan, block, column, () => plan.writer.append(states[column], block, column))
    }
  })
  const vectors = plans.map((plan, column) => {
    const vector = named(plan, null, column, () => plan.writer.finish(states[column]))
    return vector ?? decodeValues(plan, column, { buf, starts, stride: plans.length })
  })
  return { rowCount: starts.length, vectors }
}

/** The second way of a column of which a value did not fit the first. */
function decodeValues(
  plan: ColumnPlan,
  column: number,
  { buf, starts, stride }: { buf: Buffer; starts: Int32Array; stride: number },
): Vector {
  const writer = createValuesColumn(plan.decode)
  const values = writer.create(starts.length)
  forBlocks(buf, starts, stride, (block) => named(plan, block, column, () => writer.append(values, block, column)))
  return { form: 'values', values }
}

function decodeRows(plans: readonly ColumnPlan[], buf: Buffer, starts: Int32Array): Row[] {
  const rows: Row[] = []
  const empty: Row = plans.map(() => null)
  forBlocks(buf, starts, plans.length, (block) => {
    for (let row = 0; row < block.count; row++) rows.push(empty.slice())
    for (let column = 0; column < plans.length; column++) {
      const plan = plans[column]!
      named(plan, block, column, () => fillColumn(rows, block, column, plan.decode))
    }
  })
  return rows
}

function fillColumn(rows: Row[], block: Block, column: number, decode: ValueDecoder): void {
  for (let row = 0; row < block.count; row++) {
    const at = block.positions[row * block.stride + column] as number
    const length = block.view.getInt32(at)
    // `rows` holds the block's rows, made just before.
    if (length >= 0) rows[block.first + row]![column] = decode(block.buf, at + 4, at + 4 + length)
  }
}

function createKeyRow(table: Table, plans: readonly ColumnPlan[]): (buf: Buffer, start: number) => Row {
  const wanted = plans.map((_, column) => table.key.length === 0 || table.key.includes(column))
  const last = wanted.lastIndexOf(true)
  const row: Row = plans.map(() => null)
  return (buf, start) => {
    let at = start
    for (let column = 0; column <= last; column++) {
      const length = buf.readInt32BE(at)
      if (wanted[column]) row[column] = length < 0 ? null : decodeNamed(plans[column]!, buf, at + 4, at + 4 + length)
      at += length > 0 ? length + 4 : 4
    }
    return row
  }
}

function decodeNamed(plan: ColumnPlan, buf: Buffer, start: number, end: number): Value {
  try {
    return plan.decode(buf, start, end)
  } catch (error) {
    throw withColumn(error, plan.name, start)
  }
}

/** Runs `work`; what it throws gets the column's name. */
function named<Result>(plan: ColumnPlan, block: Block | null, column: number, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw withColumn(error, plan.name, block ? (block.positions[column] ?? 0) : 0)
  }
}

function forBlocks(buf: Buffer, starts: Int32Array, stride: number, work: (block: Block) => void): void {
  const positions = new Int32Array(BLOCK_ROWS * stride)
  const view = viewOf(buf)
  for (let first = 0; first < starts.length; first += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, starts.length - first)
    locateFields({ view, starts, first, count }, positions, stride)
    work({ buf, view, positions, stride, first, count })
  }
}
