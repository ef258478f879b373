import { MillraceError } from '../../errors/millrace-error.ts'
import type { ParquetField } from './schema.ts'

/** How many values of each column were not kept as they are: clamped, or made NULL. By the column's name. */
export type Misfits = Record<string, number>

/** What cannot be held, in words that say nothing of the value; `canClamp`: there is a nearest value. */
export type Reason = { what: string; canClamp: boolean }

export const INFINITE_TIME: Reason = { what: 'a date or time that is infinite or past the range', canClamp: true }
export const TOO_LARGE: Reason = { what: 'a number that is infinite or has too many digits', canClamp: true }
export const NO_NUMBER: Reason = { what: 'NaN, or more digits after the point than it has', canClamp: false }
export const NO_LIST: Reason = { what: 'an array of more dimensions than one, or with bounds of its own', canClamp: false }

/** Says what becomes of the value and counts it, or throws PARQUET_VALUE. */
export function decideMisfit(field: ParquetField, reason: Reason, misfits: Misfits): 'null' | 'clamp' {
  if (field.misfit === 'fail' || (field.misfit === 'clamp' && !reason.canClamp))
    throw new MillraceError('PARQUET_VALUE', { column: field.name, type: field.leaf.kind, what: reason.what })
  misfits[field.name] = (misfits[field.name] ?? 0) + 1
  return field.misfit
}
