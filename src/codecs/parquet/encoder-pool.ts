import type { Columns } from '../../contracts/batch.ts'
import { createByteGate } from './byte-gate.ts'
import { openEncoderThread, type EncoderThread, type Reply } from './encoder-thread.ts'
import { createFailureLatch } from './failure-latch.ts'
import type { Misfits } from './misfit.ts'
import { packColumns } from './pack-columns.ts'
import { prepareValues } from './prepare-values.ts'
import type { ParquetSchema } from './schema.ts'
import { bytesOf } from './slice-columns.ts'
import type { ParquetWriter, WriterOptions } from './writer.ts'

export type EncoderPoolOptions = {
  threads: number
  /** Bytes of columns on their way into threads, in all: `write` waits where there are more. Default 64 MB. */
  inFlightBytes?: number
}

/**
 * Threads that encode Parquet. Each file stays on one thread, so its writes are encoded in the order of their calls.
 * A thread that dies fails its files with PARQUET_THREAD; files opened later get a new one. Idle threads keep no process alive.
 */
export type EncoderPool = AsyncDisposable & {
  open(schema: ParquetSchema, options: WriterOptions): AsyncFileEncoder
}

/** A ParquetWriter elsewhere: same results, same errors. `write` takes a copy; the columns stay the caller's. */
export type AsyncFileEncoder = Pick<ParquetWriter, 'rows' | 'bytes' | 'misfits'> & {
  /** Resolves to the bytes that follow those of the calls before it. May be called again before it resolved. */
  write(columns: Columns): Promise<readonly Uint8Array[]>
  end(metadata: Readonly<Record<string, string>>): Promise<readonly Uint8Array[]>
  /** Frees what the thread holds of a file that will not be ended. */
  abandon(): void
}

export function openEncoderPool({ threads, inFlightBytes = 64 * 1024 * 1024 }: EncoderPoolOptions): EncoderPool {
  const gate = createByteGate(inFlightBytes)
  const pool: EncoderThread[] = []

  /** The one with the fewest files; a new one while there may be more and none is idle. */
  function chooseThread(): EncoderThread {
    const living = pool.filter((thread) => thread.isAlive())
    const least = living.toSorted((one, other) => one.fileCount() - other.fileCount())[0]
    if (least !== undefined && (least.fileCount() === 0 || living.length >= threads)) return least
    const thread = openEncoderThread()
    pool.push(thread)
    return thread
  }

  return {
    open: (schema, options) => openFile({ thread: chooseThread(), gate, schema, options }),
    async [Symbol.asyncDispose]() {
      await Promise.all(pool.splice(0).map((thread) => thread.close()))
    },
  }
}

type FileContext = { thread: EncoderThread; gate: ReturnType<typeof createByteGate>; schema: ParquetSchema; options: WriterOptions }

function openFile({ thread, gate, schema, options }: FileContext): AsyncFileEncoder {
  const file = thread.openFile({ schema, options })
  const here: Misfits = {}
  const guard = createFailureLatch()
  let done: Reply = { parts: [], rows: 0, bytes: 0, misfits: {} }

  function settle(reply: Reply): readonly Uint8Array[] {
    done = reply
    return reply.parts
  }

  return {
    async write(columns) {
      const prepared = guard(() => prepareValues(schema, columns, here))
      const bytes = prepared.vectors.reduce((sum, vector) => sum + bytesOf(vector), 0)
      await gate.enter(bytes)
      try {
        return settle(await file.write(packColumns(prepared)))
      } finally {
        gate.leave(bytes)
      }
    },
    // Waits behind the writes that wait, or it would overtake them.
    async end(metadata) {
      guard(() => {})
      await gate.enter(0)
      return settle(await file.end(metadata))
    },
    abandon: () => file.abandon(),
    get rows() {
      return done.rows
    },
    get bytes() {
      return done.bytes
    },
    get misfits() {
      return sumOf(here, done.misfits)
    },
  }
}

function sumOf(here: Misfits, there: Misfits): Misfits {
  const sum = { ...here }
  for (const [column, count] of Object.entries(there)) sum[column] = (sum[column] ?? 0) + count
  return sum
}
