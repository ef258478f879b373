import type { Row, Table, Value } from '../../contracts/table.ts'
import type { Database, ResultChunk } from './client.ts'
import { quoteName, quoteTable } from './quote.ts'
import { createValueReader } from './read-values.ts'
import { stageTable, writerOf, type Session } from './session.ts'
import { storedTypeOf, type StoredTable } from './shape.ts'

/** A table's committed rows in canonical values, a chunk at a time; of these keys only, where given. */
export async function* scanTable(session: Session, table: Table, keys: readonly Row[] | null): AsyncGenerator<readonly Row[]> {
  const stored = session.tables.get(table.id)
  if (!stored || keys?.length === 0) return
  const columns = table.columns.map(({ id }) => stored.columns.find((column) => column.id === id))
  const readers = columns.map((column) => createValueReader(column ? storedTypeOf(column) : { form: 'text', sql: 'VARCHAR' }))
  const values = columns.map((column) => (column ? `stored.${quoteName(column.name)}` : 'NULL')).join(', ')
  const name = quoteTable({ catalog: session.database.catalog, schema: stored.schema, name: stored.name })
  const sql = `SELECT ${values} FROM ${name} AS stored`
  const chunks = keys === null ? session.database.stream(sql) : scanKeys(session, { table, stored, keys, sql })
  for await (const chunk of chunks) yield readChunk(chunk, readers)
}

function scanKeys(
  session: Session,
  { table, stored, keys, sql }: { table: Table; stored: StoredTable; keys: readonly Row[]; sql: string },
) {
  const columns = table.key.flatMap((at) => stored.columns.filter(({ id }) => id === table.columns[at]?.id))
  const equal = columns.map(({ name }) => `stored.${quoteName(name)} = keys.${quoteName(name)}`).join(' AND ')
  const stage = async (database: Database): Promise<void> => {
    const place = await stageTable({ ...session, database }, 'keys', { columns })
    await writerOf({ ...session, database }, table, { columns }).appendRows(place, keys, table.key)
  }
  return session.database.stream(`${sql} WHERE EXISTS (SELECT 1 FROM temp.main.keys AS keys WHERE ${equal})`, stage)
}

export function readChunk(chunk: ResultChunk, readers: readonly ((value: unknown) => Value)[]): Row[] {
  const rows: Row[] = Array.from({ length: chunk.rowCount }, () => new Array<Value>(readers.length).fill(null))
  readers.forEach((read, column) => {
    const vector = chunk.getColumnVector(column)
    for (let i = 0; i < rows.length; i++) (rows[i] as Row)[column] = read(vector.getItem(i))
  })
  return rows
}
