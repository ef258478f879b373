import { UNCHANGED, type Row, type Table, type Value } from '../../contracts/table.ts'
import { quoted } from '../../messages/json/json-text.ts'
import { typeWords, valueTextOf, type ValueOptions } from './record-values.ts'

/** `"fields":[…],"types":[…],"values":[…]` of the columns that a row has; those that were not sent are in none of them. */
export type ColumnLists = (row: Row) => string

/** For one table version: the names and types of a whole row are put together once. */
export function createColumnLists({ columns }: Table, options: ValueOptions): ColumnLists {
  const names = columns.map((column) => quoted(column.name))
  const types = columns.map((column) => quoted(typeWords(column.sourceType)))
  const texts = columns.map((column) => valueTextOf(column.type, options))
  const all = columns.map((_, index) => index)
  const head = (indexes: readonly number[]): string =>
    `"fields":[${indexes.map((at) => names[at]).join(',')}],"types":[${indexes.map((at) => types[at]).join(',')}],"values":[`
  const wholeHead = head(all)

  return (row) => {
    const sent = row.includes(UNCHANGED) ? all.filter((at) => row[at] !== UNCHANGED) : all
    let values = ''
    for (const at of sent) {
      const value = row[at] as Value // those not sent were left out
      values += `${values === '' ? '' : ','}${value === null ? 'null' : texts[at]!(value)}` // one text for each column
    }
    return `${sent === all ? wholeHead : head(sent)}${values}]`
  }
}
