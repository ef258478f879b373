import { parentPort } from 'node:worker_threads'
import { toMillraceError, type MillraceError } from '../../errors/millrace-error.ts'
import type { Answer, Failure, Reply, Request } from './encoder-thread.ts'
import { createFailureLatch } from './failure-latch.ts'
import type { Misfits } from './misfit.ts'
import { createFileEncoder, type FileEncoder } from './writer.ts'

/** The thread's side of encoder-thread.ts: files by number. */
type File = { encoder: FileEncoder; misfits: Misfits; guard: ReturnType<typeof createFailureLatch> }

const files = new Map<number, File>()

parentPort?.on('message', (request: Request) => {
  const { answer, transfer } = answerTo(request)
  parentPort?.postMessage(answer, transfer)
})

function answerTo(request: Request): { answer: Answer; transfer: ArrayBuffer[] } {
  const { id } = request
  try {
    const reply = handle(request)
    return { answer: { id, reply }, transfer: reply.parts.map((part) => part.buffer as ArrayBuffer) }
  } catch (error) {
    return { answer: { id, failure: failureOf(toMillraceError(error)) }, transfer: [] }
  }
}

function handle(request: Request): Reply {
  if (request.kind === 'open') {
    const misfits: Misfits = {}
    files.set(request.file, { encoder: createFileEncoder(request.schema, request.options, misfits), misfits, guard: createFailureLatch() })
    return { parts: [], rows: 0, bytes: 0, misfits }
  }
  const file = files.get(request.file)
  if (request.kind === 'abandon') {
    files.delete(request.file)
    return { parts: [], rows: 0, bytes: 0, misfits: {} }
  }
  if (file === undefined) throw new RangeError('the file was ended or abandoned')
  if (request.kind === 'end') files.delete(request.file)
  return file.guard(() => encode(file, request))
}

function encode({ encoder, misfits }: File, request: Extract<Request, { kind: 'write' | 'end' }>): Reply {
  const parts = request.kind === 'write' ? encoder.write(request.columns) : encoder.end(request.metadata)
  return { parts: joined(parts), rows: encoder.rows, bytes: encoder.bytes, misfits }
}

/** In memory of their own, to be given away: small buffers share theirs. */
function joined(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  if (parts.length === 0) return []
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return [all]
}

function failureOf({ code, fields, stack }: MillraceError): Failure {
  return { code, fields, stack: stack ?? '' }
}
