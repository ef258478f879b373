/** An identifier of any content, for DuckDB's SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text literal. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Always with the catalog: a file named like a schema would make two-part names ambiguous. */
export function quoteTable(table: TableName): string {
  return [table.catalog, table.schema, table.name].map(quoteName).join('.')
}

export type TableName = { catalog: string; schema: string; name: string }

/** How DuckDB compares names: without case, in ASCII only. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
