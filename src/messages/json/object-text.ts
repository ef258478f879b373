import { UNCHANGED, type LogicalType, type Row, type Table, type Value } from '../../contracts/table.ts'
import { quoted } from './json-text.ts'
import { valueText, type ValueText } from './value-text.ts'

/** Rows of one table version as JSON objects; made once per version. */
export type ObjectText = {
  /** The columns that were sent, as an object. */
  object(row: Row): string
  /** The key columns as an object, each from the first row that has it; `null` for a table without a key. */
  key(row: Row, other: Row | null): string
  /** The names of the columns that were not sent, as an array. */
  unchanged(row: Row): string
}

/** `textFor`: how a format writes values of a type; left out: as they are, losing nothing. */
export function createObjectText(table: Table, textFor: (type: LogicalType) => ValueText = valueText): ObjectText {
  const { columns } = table
  const names = columns.map((column) => `${quoted(column.name)}:`)
  const texts = columns.map((column) => textFor(column.type))
  const all = columns.map((_, index) => index)

  const member = (index: number, value: Value): string => names[index] + (value === null ? 'null' : texts[index]!(value))
  const objectOf = (indexes: readonly number[], rows: readonly (Row | null)[]): string => {
    const members: string[] = []
    for (const index of indexes) {
      const sent = rows.find((row) => row !== null && row[index] !== UNCHANGED)
      if (sent) members.push(member(index, sent[index] as Value)) // not UNCHANGED: `sent` has it
    }
    return `{${members.join(',')}}`
  }

  return {
    object: (row) => objectOf(all, [row]),
    key: (row, other) => (table.key.length === 0 ? 'null' : objectOf(table.key, [row, other])),
    unchanged: (row) => JSON.stringify(columns.filter((_, index) => row[index] === UNCHANGED).map((column) => column.name)),
  }
}
