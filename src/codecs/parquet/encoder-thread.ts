import { Worker } from 'node:worker_threads'
import { MillraceError, type ErrorFields } from '../../errors/millrace-error.ts'
import type { ErrorCode } from '../../errors/table.ts'
import type { Misfits } from './misfit.ts'
import type { PackedColumns } from './pack-columns.ts'
import type { ParquetSchema } from './schema.ts'
import type { PreparedColumns } from './stored-vector.ts'
import type { WriterOptions } from './writer.ts'

/** What goes to the thread, and what comes back: one answer to each `id`, in order. */
export type Request = { id: number; file: number } & (
  | { kind: 'open'; schema: ParquetSchema; options: WriterOptions }
  | { kind: 'write'; columns: PreparedColumns }
  | { kind: 'end'; metadata: Readonly<Record<string, string>> }
  | { kind: 'abandon' }
)
export type Answer = { id: number } & ({ reply: Reply } | { failure: Failure })
export type Reply = { parts: readonly Uint8Array[]; rows: number; bytes: number; misfits: Misfits }
/** An error of the table by its code; any other is a fault of ours, by its message. */
export type Failure = { code: ErrorCode; fields: ErrorFields; stack: string }

export type EncoderThread = {
  openFile(of: { schema: ParquetSchema; options: WriterOptions }): ThreadFile
  fileCount(): number
  isAlive(): boolean
  close(): Promise<void>
}

export type ThreadFile = {
  write(packed: PackedColumns): Promise<Reply>
  end(metadata: Readonly<Record<string, string>>): Promise<Reply>
  abandon(): void
}

type Body<Kind extends Request['kind']> = Omit<Extract<Request, { kind: Kind }>, 'id'>
type Pending = { resolve: (reply: Reply) => void; reject: (error: unknown) => void }

/** `script`: what the thread runs. */
export function openEncoderThread(script = workerUrl()): EncoderThread {
  const worker = new Worker(script, { execArgv: [] })
  const pending = new Map<number, Pending>()
  const files = new Set<number>()
  let death: MillraceError | null = null
  let ids = 0

  /** It keeps the process alive only while an answer is awaited. */
  function send(body: Body<Request['kind']>, transfer: readonly ArrayBuffer[] = []): Promise<Reply> {
    if (death !== null) return Promise.reject(death)
    const id = ids++
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ ...body, id }, transfer)
    })
  }

  function die(reason: string): void {
    death ??= new MillraceError('PARQUET_THREAD', { reason })
    for (const { reject } of pending.values()) reject(death)
    pending.clear()
  }

  worker.unref()
  worker.on('message', (answer: Answer) => {
    const waiting = pending.get(answer.id)
    pending.delete(answer.id)
    if (pending.size === 0) worker.unref()
    if ('reply' in answer) waiting?.resolve(answer.reply)
    else waiting?.reject(errorOf(answer.failure))
  })
  worker.on('error', (error) => die(error instanceof Error ? error.message : String(error)))
  worker.on('messageerror', (error) => die(error.message))
  worker.on('exit', (code) => die(`it ended with ${code}`))

  return {
    openFile({ schema, options }) {
      const file = ids++
      files.add(file)
      // Its failure is that of the first write or of the end, which find no such file or a dead thread.
      send({ kind: 'open', file, schema, options } as Body<'open'>).catch(() => {})
      return {
        write: ({ columns, buffer }) => send({ kind: 'write', file, columns } as Body<'write'>, [buffer]),
        end(metadata) {
          files.delete(file)
          return send({ kind: 'end', file, metadata } as Body<'end'>)
        },
        abandon() {
          if (files.delete(file)) send({ kind: 'abandon', file }).catch(() => {})
        },
      }
    },
    fileCount: () => files.size,
    isAlive: () => death === null,
    async close() {
      die('its pool was closed')
      await worker.terminate()
    },
  }
}

/** Beside this file: as TypeScript where this runs from sources, else as it was compiled. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './encode-worker.ts' : './encode-worker.js', import.meta.url)
}

function errorOf({ code, fields, stack }: Failure): MillraceError {
  const error = new MillraceError(code, fields)
  error.stack = stack
  return error
}
