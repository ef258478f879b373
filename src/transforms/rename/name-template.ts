import type { Table } from '../../contracts/table.ts'

/** What is wrong with the name of a table that may hold `${schema}` and `${table}`; null where nothing is. */
export function faultOfName(text: string): string | null {
  const [, unknown] = /\$\{(?!schema\}|table\})([^}]*)\}?/.exec(text) ?? []
  if (unknown !== undefined) return `holds \${${unknown}}; a table's name knows \${schema} and \${table}`
  const { schema, name } = parse(text.replace(PLACE, 'x'))
  if (schema === '' || name === '') return 'must be schema.table, for example archive.${table}'
  return null
}

/** The new names of a table. */
export function nameOf(template: string, { schema, name }: Pick<Table, 'schema' | 'name'>): { schema: string; name: string } {
  const filled = parse(template)
  const fill = (text: string) => text.replace(PLACE, (_, word: string) => (word === 'schema' ? schema : name))
  return { schema: fill(filled.schema), name: fill(filled.name) }
}

const PLACE = /\$\{(schema|table)\}/g

/** The schema ends at the first dot: names with dots come in by the places alone. */
function parse(text: string): { schema: string; name: string } {
  const at = text.indexOf('.')
  return at < 0 ? { schema: '', name: text } : { schema: text.slice(0, at), name: text.slice(at + 1) }
}
