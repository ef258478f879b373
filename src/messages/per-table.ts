import type { Table } from '../contracts/table.ts'

/** What is made once per table version, the last one at hand: changes of one table mostly come together. */
export function perTable<T>(make: (table: Table) => T): (table: Table) => T {
  const made = new WeakMap<Table, T>()
  let lastTable: Table | null = null
  let last: T
  return (table) => {
    if (table === lastTable) return last
    let found = made.get(table)
    if (found === undefined) made.set(table, (found = make(table)))
    lastTable = table
    return (last = found)
  }
}
