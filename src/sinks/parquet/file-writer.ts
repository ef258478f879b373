import type { Columns } from '../../contracts/batch.ts'
import type { Column } from '../../contracts/table.ts'
import type { AsyncFileEncoder, EncoderPool } from '../../codecs/parquet/encoder-pool.ts'
import { parquetSchema, type SchemaOptions } from '../../codecs/parquet/schema.ts'
import type { WriterOptions } from '../../codecs/parquet/writer.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { Budget } from './budget.ts'
import type { Store } from './store.ts'

/** What the files of one sink share. */
export type FileContext = {
  store: Store
  pool: EncoderPool
  options: WriterOptions
  budget: Budget
  /** Values of a file were clamped or made NULL, so many by column: never in silence. */
  misfits(path: string, counts: Readonly<Record<string, number>>): void
  /** A file failed: the sink is of no use any more. */
  failed(error: unknown): void
}

/** One file in the making. What is given to it is encoded and stored in the background, in order. */
export type FileWriter = {
  /** Bytes given to it that came out of the encoder. */
  readonly storedBytes: number
  /** Bytes on the wire that the encoder has and has given nothing out for. */
  readonly groupBytes: number
  /** Bytes that wait in memory to be stored. */
  readonly heldBytes: number
  write(columns: Columns, bytes: number): void
  /** Resolves once the file is visible and durable. `before` comes first: a file must not appear before the one it follows. */
  finish(metadata: Record<string, string>, before?: Promise<void>): Promise<void>
  abandon(): Promise<void>
}

/** The metadata that a store keeps beside a file too; HTTP headers take no more than short plain text. */
const HEADERS = ['millrace.kind', 'millrace.pipeline', 'millrace.from', 'millrace.to', 'millrace.chunk', 'millrace.position']
const HEADER = /^[\u0020-\u007e]{1,200}$/

/** A file that is being finished counts so much at least: their number is bounded too. */
const FINISHING_BYTES = 256 * 1024

export function createFileWriter(
  { store, pool, options, budget, misfits, failed }: FileContext,
  { path, columns, schema }: { path: string; columns: readonly Column[]; schema: SchemaOptions },
): FileWriter {
  // Opened with the first rows: a thousand tables of which rows wait need no thousand encoders.
  let encoder: AsyncFileEncoder | null = null
  const file = store.create(path)
  let storedBytes = 0
  let groupBytes = 0
  let isOver = false
  let tail: Promise<void> = Promise.resolve()

  function encoding(): AsyncFileEncoder {
    return (encoder ??= pool.open(parquetSchema(columns, schema), options))
  }

  /** After what went before. Nothing of a file whose writing failed is written any more. */
  function then(act: () => Promise<void>): Promise<void> {
    tail = tail.then(act)
    tail.catch((error: unknown) => {
      if (isOver) return
      isOver = true
      failed(withTable(error, path))
      void file.abandon()
    })
    return tail
  }

  async function keep(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) storedBytes += piece.byteLength
    if (pieces.length > 0) groupBytes = 0
    await file.append(pieces)
  }

  return {
    get storedBytes() {
      return storedBytes
    },
    get groupBytes() {
      return groupBytes
    },
    get heldBytes() {
      return file.heldBytes
    },
    write(given, bytes) {
      budget.take(bytes)
      groupBytes += bytes
      void then(async () => {
        const pieces = await encoding()
          .write(given)
          .finally(() => budget.give(bytes))
        await keep(pieces)
      }).catch(() => {}) // told by `failed`
    },
    finish(metadata, before) {
      // Until it is durable: what the encoder still has of it, and what the store keeps of it.
      const bytes = FINISHING_BYTES + groupBytes + file.heldBytes
      budget.take(bytes)
      return then(async () => {
        await keep(await encoding().end(metadata))
        await before
        await file.commit(headersOf(metadata))
        budget.give(bytes)
        const counts = encoding().misfits
        if (Object.keys(counts).length > 0) misfits(path, counts)
      })
    },
    async abandon() {
      isOver = true
      encoder?.abandon()
      await tail.catch(() => {}) // told by `failed`, or of no interest any more
      await file.abandon()
    },
  }
}

/** The encoder knows the column alone. */
function withTable(error: unknown, path: string): unknown {
  if (!(error instanceof MillraceError) || error.code !== 'PARQUET_VALUE') return error
  const [table] = path.split('/')
  return new MillraceError('PARQUET_VALUE', { ...error.fields, column: `${table}.${String(error.fields.column)}` }, { cause: error })
}

function headersOf(metadata: Record<string, string>): Record<string, string> {
  const kept = HEADERS.flatMap((name) => {
    const value = metadata[name]
    return value !== undefined && HEADER.test(value) ? [[name.replace('.', '-'), value] as const] : []
  })
  return Object.fromEntries(kept)
}
