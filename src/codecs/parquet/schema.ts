import type { Column, LogicalType } from '../../contracts/table.ts'

/**
 * What becomes of a value that its Parquet type cannot hold: an infinite date or timestamp, a timestamp past int64
 * microseconds, NaN and infinities of a decimal, an array that is no plain list.
 * - `fail`: PARQUET_VALUE, which names the column.
 * - `clamp`: the nearest value that there is; where none is near (NaN, digits, an array's shape), as `fail`.
 * - `null`: NULL. Never in a key column: there, and for `clamp`, it is `fail`.
 * - `text`: columns that could meet such a value hold text (arrays: JSON), from the first file on.
 */
export type Misfit = 'fail' | 'clamp' | 'null' | 'text'

/** How a table's columns are stored. Plain data: it crosses into threads. Fields align with the table's columns. */
export type ParquetSchema = { fields: readonly ParquetField[] }

export type ParquetField = {
  name: string
  /** The column's own type: of a list's items where `repetition` is `list`. */
  type: LogicalType
  /** `list`: the standard three levels, `optional group NAME (LIST) { repeated group list { optional … element } }`. */
  repetition: 'required' | 'optional' | 'list'
  leaf: Leaf
  /** `plain`: in the leaf's own form; `json`: as JSON made of the canonical value; `text`: as the canonical text. */
  stored: 'plain' | 'json' | 'text'
  misfit: Exclude<Misfit, 'text'>
}

/** A primitive column of the file. `width`: bytes a value, 0 where they vary. */
export type Leaf = {
  kind: LeafKind
  physical: Physical
  width: 0 | 1 | 4 | 8 | 16
  /** Decimals: digits in all, and after the point. */
  precision: number
  scale: number
}

export type LeafKind =
  | 'boolean'
  | 'int16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'decimal'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'uuid'
  | 'bytes'
  | 'string'
  | 'json'

export type Physical = 'BOOLEAN' | 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'BYTE_ARRAY' | 'FIXED_LEN_BYTE_ARRAY'

export type SchemaOptions = {
  /** For all columns, or for each. Left out: `fail`. */
  misfit?: Misfit | ((column: Column) => Misfit)
  /** Indexes of the columns that are never NULL in any row: those of the key. All others are optional, since rows may be partial. */
  key?: readonly number[]
}

/** The same types as DuckDB's own COPY writes for a table of our DuckDB sink. */
export function parquetSchema(columns: readonly Column[], options: SchemaOptions = {}): ParquetSchema {
  return { fields: columns.map((column, at) => fieldOf(column, options.key?.includes(at) ?? false, misfitOf(column, options))) }
}

function misfitOf(column: Column, { misfit = 'fail' }: SchemaOptions): Misfit {
  return typeof misfit === 'function' ? misfit(column) : misfit
}

function fieldOf({ name, type }: Column, inKey: boolean, misfit: Misfit): ParquetField {
  const policy = inKey || misfit === 'text' ? 'fail' : misfit
  const repetition = inKey ? 'required' : 'optional'
  const field = { name, type, repetition, misfit: policy } as const
  switch (type.kind) {
    case 'array':
      if (misfit === 'text' || inKey) return { ...field, leaf: JSON_TEXT, stored: 'json' }
      return { ...itemField(type.of), name, misfit: policy, repetition: 'list' }
    case 'map':
    case 'composite':
      return { ...field, leaf: JSON_TEXT, stored: 'json' }
    case 'decimal':
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return misfit === 'text' ? { ...field, leaf: STRING, stored: 'text' } : { ...field, leaf: leafOf(type), stored: 'plain' }
    default:
      return { ...field, leaf: leafOf(type), stored: 'plain' }
  }
}

function itemField(type: LogicalType): Pick<ParquetField, 'type' | 'leaf' | 'stored'> {
  const isNested = type.kind === 'array' || type.kind === 'map' || type.kind === 'composite'
  return isNested ? { type, leaf: JSON_TEXT, stored: 'json' } : { type, leaf: leafOf(type), stored: 'plain' }
}

const STRING: Leaf = { kind: 'string', physical: 'BYTE_ARRAY', width: 0, precision: 0, scale: 0 }
const JSON_TEXT: Leaf = { ...STRING, kind: 'json' }

function leafOf(type: LogicalType): Leaf {
  switch (type.kind) {
    case 'decimal':
      return decimalLeaf(type)
    case 'json':
      return JSON_TEXT
    // An enum's new labels, an interval's and a timetz's words, a varbit's emptiness: no Parquet type keeps them.
    case 'text':
    case 'unknown':
    case 'bits':
    case 'timetz':
    case 'interval':
    case 'array':
    case 'map':
    case 'composite':
      return STRING
    default:
      return { kind: type.kind, precision: 0, scale: 0, ...FIXED[type.kind] }
  }
}

const FIXED = {
  boolean: { physical: 'BOOLEAN', width: 1 },
  int16: { physical: 'INT32', width: 4 },
  int32: { physical: 'INT32', width: 4 },
  uint32: { physical: 'INT32', width: 4 },
  int64: { physical: 'INT64', width: 8 },
  float32: { physical: 'FLOAT', width: 4 },
  float64: { physical: 'DOUBLE', width: 8 },
  date: { physical: 'INT32', width: 4 },
  time: { physical: 'INT64', width: 8 },
  timestamp: { physical: 'INT64', width: 8 },
  timestamptz: { physical: 'INT64', width: 8 },
  uuid: { physical: 'FIXED_LEN_BYTE_ARRAY', width: 16 },
  bytes: { physical: 'BYTE_ARRAY', width: 0 },
} as const

const WIDEST_DECIMAL = 38

/**
 * Bare numeric and more than 38 digits are text. Postgres allows scales below zero (numeric(2,-3): 12000) and past the
 * precision (numeric(2,5): 0.00012); Parquet neither.
 */
function decimalLeaf({ precision: digits, scale: after }: { precision: number | null; scale: number | null }): Leaf {
  if (digits === null) return STRING
  const scale = Math.max(0, after ?? 0)
  const precision = (after ?? 0) < 0 ? digits - (after ?? 0) : Math.max(digits, scale)
  if (precision > WIDEST_DECIMAL) return STRING
  const decimal = { kind: 'decimal', precision, scale } as const
  if (precision <= 9) return { ...decimal, physical: 'INT32', width: 4 }
  if (precision <= 18) return { ...decimal, physical: 'INT64', width: 8 }
  return { ...decimal, physical: 'FIXED_LEN_BYTE_ARRAY', width: 16 }
}
