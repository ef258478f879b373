import type { Columns, Vector } from '../../contracts/batch.ts'
import type { Row, Value } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { parseTimestamp } from '../../values/calendar.ts'
import { encodeJson } from '../../values/json-text.ts'
import { lowerBoundsOf } from '../../values/lower-bounds.ts'
import { decideMisfit, NO_LIST, type Misfits } from './misfit.ts'
import type { ParquetField, ParquetSchema } from './schema.ts'
import type { ListVector, PreparedColumns, PreparedVector, StoredVector } from './stored-vector.ts'
import { isValue, textVector, vectorOfValues } from './vector-of-values.ts'

/**
 * Vectors of canonical values become vectors of memory, which the encoder takes and threads can be given; the others
 * stay as they are. An array that is no plain list is a misfit; every other misfit is left to `fitColumns`.
 */
export function prepareValues(schema: ParquetSchema, { rowCount, vectors }: Columns, misfits: Misfits): PreparedColumns {
  return {
    rowCount,
    vectors: schema.fields.map((field, at) => {
      const vector = vectors[at]
      if (vector === undefined) throw new MillraceError('BUG', { reason: `there is no vector for the column ${field.name}` })
      return prepare(field, vector, misfits)
    }),
  }
}

function prepare(field: ParquetField, vector: Vector, misfits: Misfits): PreparedVector {
  if (vector.form !== 'values') return vector
  return field.repetition === 'list' ? listVector(field, vector.values, misfits) : storedVector(field, vector.values)
}

type Values = readonly Row[number][]

function storedVector({ type, stored }: ParquetField, values: Values): StoredVector {
  if (stored === 'json') return memory(textVector(values.map((value) => (isValue(value) ? encodeJson(type, value) : null))))
  if (stored === 'text') return memory(textVector(values))
  const vector = vectorOfValues(type, values)
  return memory(vector.form === 'values' ? vectorOfValues(type, values.map(extremeOf)) : vector)
}

function memory(vector: Vector): StoredVector {
  if (vector.form === 'values') throw new MillraceError('BUG', { reason: 'a type without a columnar form is stored as one' })
  return vector
}

/** A timestamp past the form's range lies beyond the type's too: as its infinities do. */
function extremeOf(value: Row[number]): Value {
  if (!isValue(value)) return null
  const text = value as string // only timestamps come here
  const micros = text.endsWith('infinity') ? null : parseTimestamp(text)
  if (micros === null || BigInt.asIntN(64, micros) === micros) return text
  return micros > 0n ? 'infinity' : '-infinity'
}

function listVector(field: ParquetField, values: Values, misfits: Misfits): ListVector {
  const definition: number[] = []
  const repetition: number[] = []
  const items: Value[] = []
  for (const value of values) {
    // The cast: a list's canonical value is an array.
    const list = isValue(value) ? (value as readonly Value[]) : null
    if (list !== null && !isFlat(list)) decideMisfit(field, NO_LIST, misfits)
    if (list === null || !isFlat(list) || list.length === 0) {
      definition.push(list === null || !isFlat(list) ? 0 : 1)
      repetition.push(0)
      continue
    }
    for (let i = 0; i < list.length; i++) {
      const item = list[i] as Value
      definition.push(item === null ? 2 : 3)
      repetition.push(i === 0 ? 0 : 1)
      if (item !== null) items.push(item)
    }
  }
  return {
    form: 'list',
    definition: Uint8Array.from(definition),
    repetition: Uint8Array.from(repetition),
    items: storedVector(field, items),
    itemCount: items.length,
  }
}

/** Neither more dimensions than one nor a lower bound of its own. */
function isFlat(value: readonly Value[]): boolean {
  return lowerBoundsOf(value) === null && !value.some(Array.isArray)
}
