import type { LogicalType } from '../../contracts/table.ts'

/** How DuckDB stores a logical type, and in which form its values are written. */
export type DuckType =
  | { form: 'boolean' | 'int16' | 'int32' | 'uint32' | 'int64' | 'float32' | 'float64'; sql: string }
  | { form: 'uuid' | 'bytes' | 'date' | 'time' | 'timestamp' | 'timestamptz'; sql: string }
  /** The canonical value is the text. */
  | { form: 'text' | 'json'; sql: string }
  | { form: 'decimal'; sql: string; width: number; scale: number }
  | { form: 'list'; sql: string; of: DuckType }
  /** JSON that this sink makes of a canonical value, see values/json-text.ts. */
  | { form: 'encoded'; sql: string; type: LogicalType }

const WIDEST_DECIMAL = 38

const PLAIN = {
  boolean: 'BOOLEAN',
  int16: 'SMALLINT',
  int32: 'INTEGER',
  uint32: 'UINTEGER',
  int64: 'BIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  uuid: 'UUID',
  bytes: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
} as const

/**
 * `widened`: the column held a value that its own type cannot, so it is kept in one that holds every value:
 * an array with more dimensions than one as JSON, by `onValue: text` anything else as its canonical text.
 */
export function duckTypeOf(type: LogicalType, widened = false): DuckType {
  switch (type.kind) {
    case 'decimal':
      return widened ? TEXT : decimalType(type)
    case 'array':
      return widened ? encoded(type) : listType(duckTypeOf(type.of))
    case 'map':
    case 'composite':
      return encoded(type)
    case 'json':
      return { form: 'json', sql: 'JSON' }
    // DuckDB's own would lose something: an interval's and a timetz's words, a varbit's emptiness, an enum's new labels.
    case 'text':
    case 'bits':
    case 'timetz':
    case 'interval':
    case 'unknown':
      return TEXT
    default:
      return widened ? TEXT : { form: type.kind, sql: PLAIN[type.kind] }
  }
}

const TEXT: DuckType = { form: 'text', sql: 'VARCHAR' }

function encoded(type: LogicalType): DuckType {
  return { form: 'encoded', sql: 'JSON', type }
}

function listType(of: DuckType): DuckType {
  return { form: 'list', sql: `${of.sql}[]`, of }
}

/** Postgres allows scales below zero (numeric(2,-3): 12000) and past the precision (numeric(2,5): 0.00012). */
function decimalType({ precision, scale }: { precision: number | null; scale: number | null }): DuckType {
  if (precision === null) return TEXT
  const digits = scale ?? 0
  const width = digits < 0 ? precision - digits : Math.max(precision, digits)
  if (width > WIDEST_DECIMAL) return TEXT
  return { form: 'decimal', sql: `DECIMAL(${width},${Math.max(0, digits)})`, width, scale: Math.max(0, digits) }
}
