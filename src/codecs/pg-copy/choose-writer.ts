import type { LogicalType } from '../../contracts/table.ts'
import { createBinaryDecoder } from '../pg-types/create-binary-decoder.ts'
import { createTextDecoder } from '../pg-types/create-text-decoder.ts'
import type { ValueDecoder } from '../pg-types/value-decoder.ts'
import type { ColumnWriter } from './column-writer.ts'
import {
  booleanColumn,
  dateColumn,
  float32Column,
  float64Column,
  int16Column,
  int32Column,
  int64Column,
  timeColumn,
  timestampColumn,
  uint32Column,
  uuidColumn,
} from './fixed-columns.ts'
import { createDecodedColumn, createValuesColumn, jsonbColumn, numericColumn, rawColumn, textColumn } from './varlen-columns.ts'

/** How one column of COPY is decoded: to canonical values, and to a vector. */
export type ColumnPlan = {
  name: string
  decode: ValueDecoder
  writer: ColumnWriter<unknown>
}

export function planColumn(column: { name: string; type: LogicalType }, asText: boolean): ColumnPlan {
  const decode = asText ? createTextDecoder(column.type) : createBinaryDecoder(column.type)
  const writer = asText ? chooseTextWriter(column.type, decode) : chooseBinaryWriter(column.type, decode)
  // A writer's functions are only ever given states that its own `create` made.
  return { name: column.name, decode, writer: writer as ColumnWriter<unknown> }
}

function chooseBinaryWriter(type: LogicalType, decode: ValueDecoder) {
  switch (type.kind) {
    case 'boolean':
      return booleanColumn
    case 'int16':
      return int16Column
    case 'int32':
      return int32Column
    case 'uint32':
      return uint32Column
    case 'int64':
      return int64Column
    case 'float32':
      return float32Column
    case 'float64':
      return float64Column
    case 'decimal':
      return numericColumn
    case 'text':
      return isBytewise(type) ? textColumn : createDecodedColumn(decode)
    case 'json':
      return type.binary ? jsonbColumn : textColumn
    case 'uuid':
      return uuidColumn
    case 'bytes':
      return rawColumn
    case 'date':
      return dateColumn
    case 'time':
      return timeColumn
    case 'timestamp':
    case 'timestamptz':
      return timestampColumn
    case 'bits':
    case 'timetz':
    case 'interval':
      return createDecodedColumn(decode)
    default:
      return createValuesColumn(decode)
  }
}

/** Columns selected as text: what is text in columns too stays text; the rest are canonical values. */
function chooseTextWriter(type: LogicalType, decode: ValueDecoder) {
  switch (type.kind) {
    case 'text':
      return type.name === 'char' ? createDecodedColumn(decode) : textColumn
    case 'json':
    case 'unknown':
      return textColumn
    case 'decimal':
    case 'bits':
    case 'timetz':
    case 'interval':
      return createDecodedColumn(decode)
    default:
      return createValuesColumn(decode)
  }
}

/** Whether the binary form of a text type is its text: not for addresses. */
function isBytewise(type: Extract<LogicalType, { kind: 'text' }>): boolean {
  return type.labels !== undefined || !['inet', 'cidr', 'macaddr', 'macaddr8'].includes(type.name)
}
