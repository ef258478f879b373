/** What a column's values are. Canonical JavaScript forms per kind: docs/specs/values.md. */
export type LogicalType =
  | { kind: 'boolean' | 'int16' | 'int32' | 'uint32' | 'int64' | 'float32' | 'float64' }
  /** `precision` and `scale` are null where the source sets no bound (bare numeric). */
  | { kind: 'decimal'; precision: number | null; scale: number | null }
  /** Any type whose canonical form is text; `name` keeps what it is (`text`, `varchar`, `inet`, `int4range`, an enum's name). */
  | { kind: 'text'; name: string; labels?: readonly string[] }
  | { kind: 'json'; binary: boolean }
  | { kind: 'uuid' | 'bytes' | 'bits' | 'date' | 'time' | 'timetz' | 'timestamp' | 'timestamptz' | 'interval' }
  | { kind: 'array'; of: LogicalType }
  /** hstore: text to text or null. */
  | { kind: 'map' }
  | { kind: 'composite'; name: string; fields: readonly { name: string; type: LogicalType }[] }
  /** The server's own text form of a type not known here. */
  | { kind: 'unknown'; name: string }

export type Column = {
  name: string
  /** The column's lasting identity (Postgres: attnum): it survives a rename and is never used again after a drop. */
  id: number
  type: LogicalType
  /** The source's own type words, e.g. `numeric(10,2)`, `timestamp with time zone`. */
  sourceType: string
  /** The source's numbers for the type, for decoders and formats (Postgres: type oid and typmod). */
  typeOid: number
  typeModifier: number
  /** Of a domain, the modifier of the type that it is made of, where that has one. */
  baseModifier?: number
  nullable: boolean
  /**
   * What rows stored before this column was added hold, where the log never says it (Postgres: `attmissingval`).
   * A sink that adds the column fills its present rows with it. Left out: null.
   */
  missing?: Value
}

/** One relation at one schema version. Immutable; a new version is a new object. */
export type Table = {
  /** The database that it is in, where the source says so. */
  database?: string
  schema: string
  name: string
  /** The source's number for the table (Postgres: oid). */
  id: number
  /** Equal for equal descriptions: a fingerprint of columns, types and key. */
  version: string
  columns: readonly Column[]
  /** Indexes into `columns`: the primary key, else the replica identity index. Empty where the table has neither. */
  key: readonly number[]
  /** The key's columns by `id` in the order of its index, where that is not the order of the columns: formats that show keys follow it. */
  keyOrder?: readonly number[]
  /** What the log sends of an old row. */
  identity: 'key' | 'full' | 'nothing'
}

/** `schema.table`: how a table is named in configuration, plans, native messages and reports. */
export function tableName(table: { schema: string; name: string }): string {
  return `${table.schema}.${table.name}`
}

/** A canonical value; which of these a column holds follows from its LogicalType. */
export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[] | { readonly [field: string]: Value }

/**
 * Marks a value that the source did not send (an unchanged TOAST value). Never null, never undefined. One in the whole process: a sink of a
 * package may have a copy of this library of its own.
 */
export const UNCHANGED: unique symbol = Symbol.for('millrace.unchanged')

/** Values aligned with `table.columns`. */
export type Row = (Value | typeof UNCHANGED)[]
