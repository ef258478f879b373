import { z } from 'zod'
import { tableName, type Column, type Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createPatternMatcher, exactPatterns, faultOfPattern } from '../lib/table-patterns.ts'

/** The option `tables` of every transform. */
export function tablesSchema() {
  const pattern = z.string().superRefine((text, context) => {
    const fault = faultOfPattern(text)
    if (fault !== null) context.addIssue({ code: 'custom', message: fault })
  })
  return z
    .array(pattern)
    .min(1)
    .prefault(['*.*'])
    .describe(
      'The tables it is for: patterns of schema.table with * and ?, in order; one that starts with ! leaves out. Names as the transforms before have made them.',
    )
}

/** Which tables a transform is for, and where the columns that it names have to be. */
export type TableChoice = {
  includes(table: Table): boolean
  /** Of these columns those that the table has, as indexes. Throws where the table is named exactly and lacks one. */
  find(table: Table, names: readonly string[]): number[]
  /** Throws where a table named exactly is not there, or a column that is in none of the tables. */
  check(tables: readonly Table[], names: readonly string[]): void
}

/**
 * What is named must be there: a mask that masks nothing would go unnoticed. A table named exactly must have each column, at every
 * version; of tables chosen by wildcards, one at least must have it at the start.
 */
export function createTableChoice(transform: string, patterns: readonly string[]): TableChoice {
  const matches = createPatternMatcher(patterns)
  const exact = exactPatterns(patterns)
  const choice: TableChoice = {
    includes: (table) => matches(tableName(table)),
    find(table, names) {
      const missing = exact.includes(tableName(table)) ? names.find((name) => indexOf(table, name) < 0) : undefined
      if (missing !== undefined) throw columnMissing(transform, missing, tableName(table))
      return names.map((name) => indexOf(table, name)).filter((index) => index >= 0)
    },
    check(tables, names) {
      const gone = exact.find((name) => matches(name) && !tables.some((table) => tableName(table) === name))
      if (gone !== undefined) throw new MillraceError('TRANSFORM_TABLE_MISSING', { transform, table: gone })
      const chosen = tables.filter(choice.includes)
      const missing = chosen.length === 0 ? undefined : names.find((name) => chosen.every((table) => indexOf(table, name) < 0))
      if (missing !== undefined) throw columnMissing(transform, missing, `${chosen.map(tableName).slice(0, 3).join(', ')}`)
    },
  }
  return choice
}

/** A column by an index that is one of its table's. */
export function columnAt(table: Table, index: number): Column {
  const column = table.columns[index]
  if (!column) throw new RangeError(`no column ${index} of ${table.columns.length}`)
  return column
}

function indexOf(table: Table, name: string): number {
  return table.columns.findIndex((column) => column.name === name)
}

function columnMissing(transform: string, column: string, table: string): MillraceError {
  return new MillraceError('TRANSFORM_COLUMN_MISSING', { transform, column, table })
}
