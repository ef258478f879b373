import type { Catalog } from '../contracts/archive.ts'

/** A catalog's text, read; what is wrong with it where it is none of ours. */
export function readCatalog(text: string): Catalog | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'is no JSON'
  }
  if (typeof value !== 'object' || value === null) return 'is no JSON object'
  const catalog = value as Record<string, unknown>
  const wrong = Object.entries(FIELDS).find(([field, isRight]) => !isRight(catalog[field]))
  return wrong ? `has no valid \`${wrong[0]}\`` : (value as Catalog) // every field was just looked at
}

const isText = (value: unknown) => typeof value === 'string'
const isCount = (value: unknown) => typeof value === 'number' && value >= 0
const isTime = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value))

/** Each of a list with these fields. */
function isListOf(fields: Record<string, (value: unknown) => boolean>): (value: unknown) => boolean {
  return (value) =>
    Array.isArray(value) &&
    value.every((item: unknown) => {
      const record = item as Record<string, unknown> | null
      return typeof record === 'object' && record !== null && Object.entries(fields).every(([field, isRight]) => isRight(record[field]))
    })
}

const FIELDS: Record<string, (value: unknown) => boolean> = {
  id: isText,
  start_time: isTime,
  end_time: isTime,
  source: isText,
  num_source_records: (value) => value === null || isCount(value),
  num_records_processed: isCount,
  success: (value) => typeof value === 'boolean',
  schema: isListOf({ name: isText, stored: isText }),
  files: isListOf({ name: isText, rows: isCount, bytes: isCount, sha256: isText }),
}
