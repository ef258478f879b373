import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { onTestFinished } from 'vitest'
import type { Column, LogicalType, Row } from '../../contracts/table.ts'
import { columnsOfRows } from './columns-of-rows.ts'
import { bytesOfMemory, readRows } from './read-file.ts'
import { parquetSchema, type SchemaOptions } from './schema.ts'
import { createParquetWriter, type WriterOptions } from './writer.ts'

/** Files for tests, and what DuckDB makes of them. */
export function column(name: string, type: LogicalType): Column {
  return { name, id: 1, type, sourceType: '', typeOid: 0, typeModifier: -1, nullable: true }
}

export const TEXT: LogicalType = { kind: 'text', name: 'text' }

export function decimal(precision: number | null, scale: number | null): LogicalType {
  return { kind: 'decimal', precision, scale }
}

export type FileOptions = SchemaOptions & Partial<WriterOptions> & { metadata?: Record<string, string> }

/** One file of batches of rows. */
export function fileOf(columns: readonly Column[], batches: readonly (readonly Row[])[], options: FileOptions = {}): Buffer {
  const writer = createParquetWriter(parquetSchema(columns, options), { compression: 'zstd', ...options })
  const parts = batches.flatMap((rows) => writer.write(columnsOfRows(columns, rows)))
  return Buffer.concat([...parts, ...writer.end(options.metadata ?? {})])
}

export async function rowsOf(bytes: Uint8Array): Promise<Row[]> {
  return (await collect(readRows(bytesOfMemory('memory', bytes)))).flat()
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A file in a folder of its own, for as long as the test runs. */
export function onDisk(bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-parquet-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'file.parquet')
  writeFileSync(path, bytes)
  return path
}

const INSTANCE = DuckDBInstance.create(':memory:', { threads: '1' })

/** The rows of a query, each value as DuckDB prints it; `$FILE` is the file. */
export async function duckdb(sql: string, bytes?: Uint8Array): Promise<(string | null)[][]> {
  const connection = await (await INSTANCE).connect()
  try {
    await connection.run(`SET TimeZone = 'UTC'`)
    const reader = await connection.runAndReadAll(bytes ? sql.replaceAll('$FILE', `'${onDisk(bytes)}'`) : sql)
    return reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))))
  } finally {
    connection.closeSync()
  }
}
