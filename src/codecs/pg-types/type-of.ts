import type { LogicalType } from '../../contracts/table.ts'
import { malformed } from './malformed.ts'

/** What pg_type (manual, "pg_type") and its neighbours say of a column's type. */
export type PgTypeFacts = {
  oid: number
  /** `atttypmod` of a column, `typtypmod` of a domain; -1 where there is none. */
  modifier: number
  /** `typname`, e.g. `int4`, `_int4`, `mood`. */
  name: string
  /** The name of its `typnamespace`. */
  schema: string
  typtype: 'b' | 'c' | 'd' | 'e' | 'm' | 'p' | 'r'
  /** The extension it belongs to (`pg_depend`), else null. */
  extension: string | null
  /** Of a true array (`typelem <> 0 and typlen = -1 and typcategory = 'A'`), its element; else null. */
  element: PgTypeFacts | null
  /** `typdelim` of this type: what stands between the elements of an array of it. */
  delimiter: string
  /** Of a domain, its base type. */
  base: PgTypeFacts | null
  /** Of an enum, its labels in order. */
  labels: readonly string[] | null
  /** Of a composite, its attributes in order, dropped ones left out. */
  fields: readonly { name: string; type: PgTypeFacts }[] | null
}

export type TypeChoice = {
  type: LogicalType
  /** COPY BINARY selects the column by `outputText`: its binary form is not decoded here. */
  selectAsText: boolean
}

/**
 * The logical type of a Postgres type, and how COPY should read it. Text is always right; binary is for the types
 * whose binary form is known here in full.
 */
export function typeOf(facts: PgTypeFacts, serverMajor = 0): TypeChoice {
  if (facts.typtype === 'd' && facts.base) return typeOf(facts.base, serverMajor)
  if (facts.element && facts.name !== 'int2vector' && facts.name !== 'oidvector') return arrayOf(facts, facts.element, serverMajor)
  switch (facts.typtype) {
    case 'e':
      return binary({ kind: 'text', name: facts.name, labels: facts.labels ?? [] })
    case 'c':
      return composite(facts, serverMajor)
    case 'r':
    case 'm':
      return asText({ kind: 'text', name: facts.name })
    default:
      return facts.schema === 'pg_catalog' ? builtIn(facts, serverMajor) : extensionType(facts)
  }
}

/**
 * The expression that COPY selects for a column under `selectAsText`: what the type's output function prints, as the log does.
 * Not `::text`: types may bring casts of their own that print something else.
 * `IS DISTINCT FROM NULL` because a composite of NULLs `IS NULL` without being NULL.
 */
export function outputText(quotedColumn: string): string {
  return `CASE WHEN ${quotedColumn} IS DISTINCT FROM NULL THEN pg_catalog.concat(${quotedColumn}) END`
}

function binary(type: LogicalType): TypeChoice {
  return { type, selectAsText: false }
}

function asText(type: LogicalType): TypeChoice {
  return { type, selectAsText: true }
}

/**
 * Elements of a domain over an array would nest in a way that cannot be told from further dimensions, and foreign
 * delimiters belong to types not known here: both stay the server's text.
 */
function arrayOf(facts: PgTypeFacts, element: PgTypeFacts, serverMajor: number): TypeChoice {
  const of = typeOf({ ...element, modifier: element.typtype === 'd' ? element.modifier : facts.modifier }, serverMajor)
  if (of.type.kind === 'array') return asText({ kind: 'array', of: { kind: 'unknown', name: element.name } })
  const delimiter = of.type.kind === 'unknown' && of.type.name === 'box' ? ';' : ','
  if (element.delimiter !== delimiter) return asText({ kind: 'unknown', name: facts.name })
  return { type: { kind: 'array', of: of.type }, selectAsText: of.selectAsText }
}

function composite(facts: PgTypeFacts, serverMajor: number): TypeChoice {
  const fields = (facts.fields ?? []).map((field) => ({ name: field.name, type: typeOf(field.type, serverMajor).type }))
  return asText({ kind: 'composite', name: facts.name, fields })
}

function builtIn(facts: PgTypeFacts, serverMajor: number): TypeChoice {
  const { name } = facts
  switch (name) {
    case 'bool':
      return binary({ kind: 'boolean' })
    case 'int2':
      return binary({ kind: 'int16' })
    case 'int4':
      return binary({ kind: 'int32' })
    case 'oid':
      return binary({ kind: 'uint32' })
    case 'int8':
      return binary({ kind: 'int64' })
    case 'float4':
      return binary({ kind: 'float32' })
    case 'float8':
      return binary({ kind: 'float64' })
    case 'numeric':
      return binary({ kind: 'decimal', ...numericBounds(facts.modifier) })
    case 'money':
      return asText({ kind: 'decimal', precision: 19, scale: 2 })
    case 'text':
    case 'varchar':
    case 'bpchar':
    case 'name':
    case 'inet':
    case 'cidr':
    case 'macaddr':
    case 'macaddr8':
      return binary({ kind: 'text', name })
    case 'char':
    case 'xml':
    case 'tsvector':
    case 'tsquery':
    case 'jsonpath':
      return asText({ kind: 'text', name })
    case 'json':
    case 'jsonb':
      return binary({ kind: 'json', binary: name === 'jsonb' })
    case 'bytea':
      return binary({ kind: 'bytes' })
    case 'bit':
    case 'varbit':
      return binary({ kind: 'bits' })
    case 'uuid':
    case 'date':
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return binary({ kind: name })
    case 'interval':
      // Before 17 the bits of the infinite intervals name a finite one: only the server's text tells.
      return { type: { kind: 'interval' }, selectAsText: serverMajor < 17 }
    default:
      return asText({ kind: 'unknown', name })
  }
}

function extensionType({ name, extension }: PgTypeFacts): TypeChoice {
  if (name === extension && name === 'hstore') return asText({ kind: 'map' })
  if (name === extension && name === 'citext') return binary({ kind: 'text', name })
  if (extension === 'ltree') return asText({ kind: 'text', name })
  return asText({ kind: 'unknown', name })
}

/** numeric's modifier: precision in the high half, a scale of 11 bits with its sign in the low (numeric.c, `numeric_typmod_scale`). */
function numericBounds(modifier: number): { precision: number | null; scale: number | null } {
  if (modifier < 4) return { precision: null, scale: null }
  const bounds = modifier - 4
  const precision = (bounds >> 16) & 0xffff
  if (precision === 0) throw malformed(0, `numeric has the modifier ${modifier}`)
  return { precision, scale: ((bounds & 0x7ff) ^ 1024) - 1024 }
}
