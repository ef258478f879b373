import { tableName, type Column, type Table } from '../../contracts/table.ts'
import type { DebeziumOptions } from './options.ts'

/** What `column.propagate.source.type` and `datatype.propagate.source.type` add to a column's schema; nothing where they do not choose it. */
export function sourceParameters(table: Table, column: Column, options: DebeziumOptions): Readonly<Record<string, string>> {
  const type = internalName(column)
  const name = tableName(table)
  const isChosen =
    options['column.propagate.source.type'].some((matches) => matches(`${name}.${column.name}`)) ||
    options['datatype.propagate.source.type'].some((matches) => matches(`${name}.${type}`))
  if (!isChosen) return {}
  const { length, scale } = sizeOf(column)
  return {
    '__debezium.source.column.type': type.toUpperCase(),
    '__debezium.source.column.length': String(length),
    '__debezium.source.column.scale': String(scale),
    '__debezium.source.column.name': column.name,
  }
}

const SHORT: Readonly<Record<string, string>> = {
  boolean: 'bool',
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  'character varying': 'varchar',
  character: 'bpchar',
  'bit varying': 'varbit',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
  '"char"': 'char',
}

/** `numeric(10,2)` → numeric; arrays as `_int4`; intervals without their fields. */
function internalName({ sourceType }: Column): string {
  const isArray = sourceType.endsWith(']')
  // A name of another schema is told without it; words may follow the modifier: `timestamp(3) with time zone`.
  const bare = sourceType
    .replace(/(\[\d*\])+$/, '')
    .replace(/\(.*?\)/, '')
    .replace(/^.*\./, '')
  return (isArray ? '_' : '') + (bare.startsWith('interval') ? 'interval' : (SHORT[bare] ?? bare))
}

const DIGITS: Readonly<Record<string, number>> = { int16: 5, int32: 10, int64: 19, uint32: 10, float32: 8, float64: 17, boolean: 1 }
/** Characters of the widest value without its fraction, as pgjdbc counts them. */
const WIDTHS: Readonly<Record<string, number>> = { time: 8, timetz: 14, timestamp: 22, timestamptz: 28 }
const UNBOUNDED = 2_147_483_647
/** numeric without bounds. */
const ANY_NUMERIC = 131_089

/** As pgjdbc tells them (TypeInfoCache: getPrecision, getDisplaySize, getScale). */
function sizeOf({ type, typeModifier: own, baseModifier: typeModifier = own, sourceType }: Column): { length: number; scale: number } {
  const base = type.kind === 'array' ? type.of : type
  if (base.kind === 'decimal' && !sourceType.startsWith('money'))
    return base.precision === null ? { length: ANY_NUMERIC, scale: 0 } : { length: base.precision, scale: base.scale ?? 0 }
  const digits = DIGITS[base.kind]
  if (digits !== undefined) return { length: digits, scale: base.kind === 'float32' ? 8 : base.kind === 'float64' ? 17 : 0 }
  if (base.kind === 'date') return { length: 13, scale: 0 }
  if (base.kind === 'interval') return { length: 49, scale: typeModifier < 0 ? 6 : typeModifier & 0xffff }
  const width = WIDTHS[base.kind]
  if (width !== undefined) return { length: width + fractionWidth(typeModifier), scale: typeModifier < 0 ? 6 : typeModifier }
  if (base.kind === 'text' && base.name === 'char') return { length: 1, scale: 0 }
  if (base.kind === 'bits') return { length: typeModifier < 0 ? UNBOUNDED : typeModifier, scale: 0 }
  return { length: typeModifier < 4 ? UNBOUNDED : typeModifier - 4, scale: 0 }
}

/** The point and the digits; pgjdbc counts three for one digit. */
function fractionWidth(modifier: number): number {
  if (modifier < 0) return 7
  return modifier === 0 ? 0 : modifier === 1 ? 3 : modifier + 1
}
