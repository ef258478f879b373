import { createHash } from 'node:crypto'
import type { SinkRecord } from '../../contracts/sink.ts'
import type { Checkpoint, ChunkId } from '../../contracts/position.ts'
import type { Database } from './client.ts'
import { quoteName, quoteTable, quoteText } from './quote.ts'
import type { StoredTable } from './shape.ts'

/** What this sink keeps beside the rows, in the schema `millrace` of the same file: written in the rows' own transactions. */
export type Records = {
  load(): Promise<SinkRecord | null>
  saveCheckpoint(checkpoint: Checkpoint): Promise<void>
  addChunk(chunk: ChunkId): Promise<void>
  /** The end of a generation stands for all its chunks. */
  endChunks(end: ChunkId): Promise<void>
  loadTables(): Promise<StoredTable[]>
  saveTable(table: StoredTable): Promise<void>
}

/** The schema of our records. */
export const OWN_SCHEMA = 'millrace'

export async function openRecords(database: Database, owner: { pipeline: string; sink: string }): Promise<Records> {
  const name = (table: string) => quoteTable({ catalog: database.catalog, schema: OWN_SCHEMA, name: table })
  const [checkpoint, chunks, tables] = [name('checkpoint'), name('chunks'), name('tables')]
  const mine = `pipeline = ${quoteText(owner.pipeline)} AND sink = ${quoteText(owner.sink)}`
  const us = `${quoteText(owner.pipeline)}, ${quoteText(owner.sink)}`
  await create(database, { checkpoint, chunks, tables })

  return {
    async load() {
      const [row] = await database.texts(`SELECT position, carry FROM ${checkpoint} WHERE ${mine}`)
      if (!row) return null
      const done = await database.texts(`SELECT chunk FROM ${chunks} WHERE ${mine}`)
      return { position: String(row[0]), carry: String(row[1]), chunks: done.map(([chunk]) => String(chunk)) }
    },
    saveCheckpoint: async ({ position, carry }) => {
      await database.run(
        `DELETE FROM ${checkpoint} WHERE ${mine}; INSERT INTO ${checkpoint} VALUES (${us}, ${quoteText(position)}, ${quoteText(carry)})`,
      )
    },
    addChunk: (chunk) => database.run(`INSERT INTO ${chunks} VALUES (${us}, ${quoteText(chunk)})`),
    endChunks: async (end) => {
      const generation = end.slice(0, end.lastIndexOf('/') + 1)
      await database.run(`DELETE FROM ${chunks} WHERE ${mine} AND starts_with(chunk, ${quoteText(generation)})`)
      await database.run(`INSERT INTO ${chunks} VALUES (${us}, ${quoteText(end)})`)
    },
    loadTables: async () => {
      const rows = await database.texts(`SELECT description FROM ${tables} WHERE ${mine}`)
      return rows.map(([description]) => JSON.parse(String(description)) as StoredTable)
    },
    saveTable: async (table) => {
      await database.run(
        `DELETE FROM ${tables} WHERE ${mine} AND (id = ${table.id} OR (schema_name, table_name) = (${quoteText(table.schema)}, ${quoteText(table.name)}))`,
      )
      const names = [table.schema, table.name, JSON.stringify(table)].map(quoteText).join(', ')
      await database.run(`INSERT INTO ${tables} VALUES (${us}, ${table.id}, ${names})`)
    },
  }
}

/** In one transaction: each would wait for the disk. */
async function create(database: Database, names: { checkpoint: string; chunks: string; tables: string }): Promise<void> {
  const schema = `${quoteName(database.catalog)}.${quoteName(OWN_SCHEMA)}`
  await database.run(`BEGIN TRANSACTION;
    CREATE SCHEMA IF NOT EXISTS ${schema};
    CREATE TABLE IF NOT EXISTS ${names.checkpoint} (pipeline VARCHAR, sink VARCHAR, position VARCHAR, carry VARCHAR);
    CREATE TABLE IF NOT EXISTS ${names.chunks} (pipeline VARCHAR, sink VARCHAR, chunk VARCHAR);
    CREATE TABLE IF NOT EXISTS ${names.tables} (pipeline VARCHAR, sink VARCHAR, id BIGINT, schema_name VARCHAR, table_name VARCHAR, description VARCHAR);
    COMMIT`)
}

/** The side table of keys that an open generation has delivered. */
export function deliveredName(
  database: Database,
  table: { schema: string; name: string; id: number },
  owner: { pipeline: string; sink: string },
) {
  const mark = createHash('sha256')
    .update(JSON.stringify([owner.pipeline, owner.sink]))
    .digest('hex')
    .slice(0, 8)
  return { catalog: database.catalog, schema: OWN_SCHEMA, name: `delivered_${mark}_${table.id}` }
}
