import { MillraceError } from '../../errors/millrace-error.ts'
import { formatDay, formatTimestampUs } from '../../values/calendar.ts'
import { decimalVector } from './decimals.ts'
import { countNulls } from './levels.ts'
import { decideMisfit, INFINITE_TIME, type Misfits } from './misfit.ts'
import type { ParquetField, ParquetSchema } from './schema.ts'
import { isPresent, type ListVector, type PreparedColumns, type PreparedVector, type StoredVector } from './stored-vector.ts'
import { textVector } from './vector-of-values.ts'

/**
 * Each vector in the form in which its field is stored: decimals as integers, infinities by the field's policy, and
 * all else untouched. After it every value is one that the Parquet type holds.
 */
export function fitColumns(schema: ParquetSchema, { rowCount, vectors }: PreparedColumns, misfits: Misfits): PreparedColumns {
  return {
    rowCount,
    // The cast: vectors align with the fields.
    vectors: schema.fields.map((field, at) => fit(field, vectors[at] as PreparedVector, rowCount, misfits)),
  }
}

function fit(field: ParquetField, vector: PreparedVector, rowCount: number, misfits: Misfits): PreparedVector {
  if (vector.form === 'list') return fitList(field, vector, misfits)
  const fitted = expectForm(field, fitStored(field, vector, rowCount, misfits))
  if (field.repetition === 'required' && fitted.valid !== null && countNulls(fitted.valid, rowCount) > 0)
    throw new MillraceError('BUG', { reason: `the key column ${field.name} is NULL` })
  return fitted
}

/** An item that became NULL goes on existing: the level above its value. */
function fitList(field: ParquetField, list: ListVector, misfits: Misfits): ListVector {
  const items = expectForm(field, fitStored(field, list.items, list.itemCount, misfits))
  if (items.valid === null) return { ...list, items }
  const definition = Uint8Array.from(list.definition)
  let item = 0
  for (let i = 0; i < definition.length; i++) if (definition[i] === 3 && !isPresent(items.valid, item++)) definition[i] = 2
  return { ...list, definition, items }
}

/** Memory of another form would be taken for values of this one. */
function expectForm({ name, leaf }: ParquetField, vector: StoredVector): StoredVector {
  const width = vector.form === 'varlen' ? 0 : vector.form === 'uuid' ? 16 : vector.values.BYTES_PER_ELEMENT
  if (width !== leaf.width && !(leaf.kind === 'int16' && width === 2))
    throw new MillraceError('BUG', { reason: `the column ${name} came as a ${vector.form} vector of width ${width}` })
  return vector
}

function fitStored(field: ParquetField, vector: StoredVector, count: number, misfits: Misfits): StoredVector {
  const { leaf, stored } = field
  if (stored === 'text') return vector.form === 'fixed' ? textOf(field, vector, count) : vector
  if (leaf.kind === 'decimal' && vector.form === 'varlen') return decimalVector(field, vector, count, misfits)
  if (vector.form !== 'fixed') return vector
  if (leaf.kind === 'date') return fitDates(field, vector, count, misfits)
  return leaf.kind === 'timestamp' || leaf.kind === 'timestamptz' ? fitTimestamps(field, vector, count, misfits) : vector
}

type Fixed = Extract<StoredVector, { form: 'fixed' }>

const DATE_INFINITE = 0x7fffffff
const DATE_MINUS_INFINITE = -0x80000000

function fitDates(field: ParquetField, vector: Fixed, count: number, misfits: Misfits): Fixed {
  const days = vector.values as Int32Array // a date's fixed form
  let isFinite = true
  for (let i = 0; i < count; i++) if (days[i] === DATE_INFINITE || days[i] === DATE_MINUS_INFINITE) isFinite = false
  if (isFinite) return vector
  const fitted = days.slice(0, count)
  const valid = replaceMisfits(field, { count, valid: vector.valid, misfits }, (i) => {
    if (days[i] !== DATE_INFINITE && days[i] !== DATE_MINUS_INFINITE) return null
    // DuckDB reads the integer's own extremes as infinities: one less is the last day there is.
    return () => (fitted[i] = days[i] === DATE_INFINITE ? DATE_INFINITE - 1 : 1 - DATE_INFINITE)
  })
  return { form: 'fixed', values: fitted, valid }
}

const LAST_MICROS = 2n ** 63n - 2n
/** DuckDB's first timestamp; before it files cannot be read back everywhere. */
const FIRST_MICROS = -9_223_372_022_400_000_000n

/** Found by their upper halves, without a bigint for each value. */
function fitTimestamps(field: ParquetField, vector: Fixed, count: number, misfits: Misfits): Fixed {
  const micros = vector.values as BigInt64Array // a timestamp's fixed form
  const words = new Int32Array(micros.buffer, micros.byteOffset, count * 2)
  let isFinite = true
  for (let i = 1; i < words.length; i += 2) if (words[i] === 0x7fffffff || words[i] === -0x80000000) isFinite = false
  if (isFinite) return vector
  const fitted = micros.slice(0, count)
  const valid = replaceMisfits(field, { count, valid: vector.valid, misfits }, (i) => {
    const value = micros[i] as bigint
    if (value <= LAST_MICROS && value >= FIRST_MICROS) return null
    return () => (fitted[i] = value > 0n ? LAST_MICROS : FIRST_MICROS)
  })
  return { form: 'fixed', values: fitted, valid }
}

type Rows = { count: number; valid: Uint8Array | null; misfits: Misfits }

/** `clampOf(i)`: how to clamp value i, null where it fits. Returns what is valid afterwards. */
function replaceMisfits(
  field: ParquetField,
  { count, valid, misfits }: Rows,
  clampOf: (i: number) => (() => unknown) | null,
): Uint8Array | null {
  let left = valid
  for (let i = 0; i < count; i++) {
    if (!isPresent(valid, i)) continue
    const clamp = clampOf(i)
    if (clamp === null) continue
    if (decideMisfit(field, INFINITE_TIME, misfits) === 'clamp') clamp()
    else {
      if (left === valid) left = valid === null ? new Uint8Array((count + 7) >> 3).fill(255) : Uint8Array.from(valid)
      const bits = left as Uint8Array // just made
      bits[i >> 3] = (bits[i >> 3] as number) & ~(1 << (i & 7))
    }
  }
  return left
}

/** Dates and timestamps in their canonical text, for columns that hold text because of what else could come. */
function textOf({ type }: ParquetField, { values, valid }: Fixed, count: number): StoredVector {
  const texts = Array.from({ length: count }, (_, i) => (isPresent(valid, i) ? timeText(type.kind, values[i] as number | bigint) : null))
  return textVector(texts) as StoredVector // textVector makes memory
}

function timeText(kind: string, value: number | bigint): string {
  if (typeof value === 'number') {
    if (value === DATE_INFINITE) return 'infinity'
    return value === DATE_MINUS_INFINITE ? '-infinity' : formatDay(value)
  }
  if (value === LAST_MICROS + 1n) return 'infinity'
  if (value === -LAST_MICROS - 2n) return '-infinity'
  return formatTimestampUs(value) + (kind === 'timestamptz' ? 'Z' : '')
}
