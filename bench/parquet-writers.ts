/**
 * `node bench/parquet-writers.ts [--rows 1000000] [--batch 65536]`: the Parquet writers that could be had, on the rows of
 * `TABLE` (workload.ts) as columns: processor time a million rows, bytes of the file, memory above that of the start.
 * Each in a process of its own; only writing is timed. ADR 8 holds what was measured, and of what besides.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Columns, Vector } from '../src/contracts/batch.ts'
import type { Column, LogicalType } from '../src/contracts/table.ts'
import { openEncoderPool } from '../src/codecs/parquet/encoder-pool.ts'
import { parquetSchema } from '../src/codecs/parquet/schema.ts'
import { createParquetWriter } from '../src/codecs/parquet/writer.ts'
import { createChunkWriter } from '../src/sinks/duckdb/chunk-writer.ts'
import { openDatabase } from '../src/sinks/duckdb/client.ts'
import { duckTypeOf } from '../src/sinks/duckdb/column-type.ts'

export type Contender = {
  open(path: string): Promise<{ write(columns: Columns): Promise<void> | void; end(): Promise<void> | void }>
}

export const COLUMNS: readonly Column[] = [
  column('id', { kind: 'int64' }),
  column('a', { kind: 'int32' }),
  column('name', { kind: 'text', name: 'text' }),
  column('code', { kind: 'text', name: 'varchar' }),
  column('amount', { kind: 'decimal', precision: 10, scale: 2 }),
  column('ts', { kind: 'timestamptz' }),
  column('flag', { kind: 'boolean' }),
  column('doc', { kind: 'json', binary: true }),
]

const CONTENDERS: Record<string, Contender> = {
  'millrace, zstd 1': millrace('zstd', 1),
  'millrace, zstd 3': millrace('zstd', 3),
  'millrace, none': millrace('none'),
  'millrace, 1 thread': millraceThread(),
  'hyparquet-writer, zstd': await hyparquetWriter(),
  'duckdb, zstd': duckdb(),
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rows: { type: 'string', default: '1000000' }, batch: { type: 'string', default: '65536' }, only: { type: 'string' } },
  })
  const size = { rows: Number(values.rows), batch: Number(values.batch) }
  if (values.only !== undefined) await measure(CONTENDERS[values.only] as Contender, size)
  else {
    for (const name of Object.keys(CONTENDERS)) {
      process.stdout.write(name.padEnd(26))
      spawnSync(
        process.execPath,
        [...process.execArgv, import.meta.filename, '--only', name, '--rows', values.rows, '--batch', values.batch],
        {
          stdio: 'inherit',
        },
      )
    }
  }
}

/** Prints CPU seconds a million rows, the file's size and the most memory taken. */
export async function measure(contender: Contender, { rows, batch }: { rows: number; batch: number }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'parquet-writers-'))
  const path = join(folder, 'out.parquet')
  try {
    makeBatch(0, batch)
    const before = process.memoryUsage().rss
    const file = await contender.open(path)
    let spentUs = 0
    const timed = async (work: () => Promise<void> | void) => {
      const begun = process.cpuUsage()
      await work()
      const { user, system } = process.cpuUsage(begun)
      spentUs += user + system
    }
    for (let first = 0; first < rows; first += batch) {
      const columns = makeBatch(first, Math.min(batch, rows - first))
      await timed(() => file.write(columns))
    }
    await timed(() => file.end())
    const cpu = (spentUs / rows).toFixed(2).padStart(6)
    const megabytes = (statSync(path).size / 1e6).toFixed(1).padStart(7)
    const memory = ((process.resourceUsage().maxRSS * 1024 - before) / 1e6).toFixed(0).padStart(5)
    process.stdout.write(`${cpu} CPU-s a million rows ${megabytes} MB ${memory} MB of memory\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Rows `first + 1` on of the table, as the decoder of COPY would give them. */
export function makeBatch(first: number, count: number): Columns {
  const numbers = Array.from({ length: count }, (_, i) => first + i + 1)
  return {
    rowCount: count,
    vectors: [
      { form: 'fixed', values: BigInt64Array.from(numbers, BigInt), valid: null },
      { form: 'fixed', values: Int32Array.from(numbers, (n) => n % 1000), valid: null },
      varlen(numbers.map((n) => `customer number ${n}`)),
      varlen(numbers.map((n) => `C${n % 100_000}`)),
      varlen(numbers.map((n) => ((n % 1_000_000) / 100).toFixed(2))),
      { form: 'fixed', values: BigInt64Array.from(numbers, (n) => BigInt(1_767_225_600_000_000 + n * 1_500_000)), valid: null },
      { form: 'fixed', values: Uint8Array.from(numbers, (n) => (n % 2 === 0 ? 1 : 0)), valid: null },
      varlen(numbers.map((n) => `{"k": ${n}, "tags": ["a", "b"]}`)),
    ],
  }
}

/** Texts of ASCII alone. */
function varlen(texts: readonly string[]): Vector {
  const offsets = new Int32Array(texts.length + 1)
  for (let i = 0; i < texts.length; i++) offsets[i + 1] = (offsets[i] as number) + (texts[i] as string).length
  return { form: 'varlen', offsets, data: Buffer.from(texts.join('')), valid: null }
}

function column(name: string, type: LogicalType): Column {
  return { name, id: 0, type, sourceType: '', typeOid: 0, typeModifier: -1, nullable: true }
}

function millrace(compression: 'zstd' | 'none', level?: number): Contender {
  return {
    async open(path) {
      const writer = createParquetWriter(parquetSchema(COLUMNS), level === undefined ? { compression } : { compression, level })
      const file = openSync(path, 'w')
      const put = (parts: readonly Uint8Array[]) => parts.forEach((part) => writeSync(file, part))
      return {
        write: (columns) => put(writer.write(columns)),
        end() {
          put(writer.end({}))
          closeSync(file)
        },
      }
    },
  }
}

function millraceThread(): Contender {
  return {
    async open(path) {
      const pool = openEncoderPool({ threads: 1 })
      const encoder = pool.open(parquetSchema(COLUMNS), { compression: 'zstd' })
      const file = openSync(path, 'w')
      return {
        write: async (columns) => (await encoder.write(columns)).forEach((part) => writeSync(file, part)),
        async end() {
          for (const part of await encoder.end({})) writeSync(file, part)
          closeSync(file)
          await pool[Symbol.asyncDispose]()
        },
      }
    },
  }
}

/** Its columns are arrays of values, made here from the vectors. One row group a batch. */
async function hyparquetWriter(): Promise<Contender> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer')
  const { zstdCompressSync } = await import('node:zlib')
  const decimal = { type: 'INT64', converted_type: 'DECIMAL', precision: 10, scale: 2, repetition_type: 'OPTIONAL' } as const
  const leaf = (name: string, type: string, more: object = {}) => ({ name, type, repetition_type: 'OPTIONAL', ...more })
  const schema = [
    { name: 'root', num_children: 8 },
    leaf('id', 'INT64'),
    leaf('a', 'INT32'),
    leaf('name', 'BYTE_ARRAY', { converted_type: 'UTF8' }),
    leaf('code', 'BYTE_ARRAY', { converted_type: 'UTF8' }),
    { name: 'amount', ...decimal },
    leaf('ts', 'INT64', { logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } }),
    leaf('flag', 'BOOLEAN'),
    leaf('doc', 'BYTE_ARRAY', { converted_type: 'UTF8' }),
  ]
  return {
    async open(path) {
      const bytes = new ByteWriter()
      const writer = new ParquetWriter({
        writer: bytes,
        // The cast: literals of its types.
        schema: schema as ConstructorParameters<typeof ParquetWriter>[0]['schema'],
        codec: 'ZSTD',
        compressors: { ZSTD: (input) => zstdCompressSync(input, { params: { 100: 1 } }) },
      })
      return {
        write(columns) {
          writer.write({ columnData: COLUMNS.map(({ name }, at) => ({ name, data: valuesOf(columns, at) as never })) })
        },
        end() {
          writer.finish()
          const file = openSync(path, 'w')
          writeSync(file, bytes.getBytes())
          closeSync(file)
        },
      }
    },
  }
}

export function valuesOf({ vectors, rowCount }: Columns, at: number): ArrayLike<unknown> {
  const vector = vectors[at] as Vector
  if (vector.form === 'fixed' && at === 6) return Array.from(vector.values, Boolean)
  if (vector.form === 'fixed') return vector.values
  if (vector.form !== 'varlen') throw new RangeError('no such vector here')
  const data = Buffer.from(vector.data.buffer, vector.data.byteOffset, vector.data.byteLength)
  const texts = Array.from({ length: rowCount }, (_, i) => data.toString('utf8', vector.offsets[i], vector.offsets[i + 1]))
  return at === 4 ? texts.map(Number) : texts
}

/** As its sink writes: chunks appended, here to a table in memory, then COPY. */
function duckdb(): Contender {
  return {
    async open(path) {
      const database = await openDatabase('bench', ':memory:', { memoryLimit: 2e9, threads: 1 })
      const types = COLUMNS.map(({ type }) => duckTypeOf(type))
      await database.run(`CREATE TABLE t (${COLUMNS.map(({ name }, at) => `"${name}" ${types[at]?.sql}`).join(', ')})`)
      const misfit = () => {
        throw new RangeError('a value that does not fit')
      }
      const writer = createChunkWriter(
        database,
        types.map((type) => ({ type, misfit })),
      )
      const table = { catalog: database.catalog, schema: 'main', name: 't' }
      return {
        write: (columns) =>
          writer.appendColumns(
            table,
            columns,
            COLUMNS.map((_, at) => at),
          ),
        async end() {
          await database.run(`COPY t TO '${path}' (FORMAT parquet, COMPRESSION zstd)`)
          database[Symbol.dispose]()
        },
      }
    },
  }
}
