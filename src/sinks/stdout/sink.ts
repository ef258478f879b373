import type { Writable } from 'node:stream'
import type { Batch } from '../../contracts/batch.ts'
import type { Format } from '../../contracts/format.ts'
import type { Sink } from '../../contracts/sink.ts'
import { linesBeside } from '../../messages/message-lines.ts'
import { stdoutError } from './errors.ts'

/** Characters handed over at once: large enough to be few, small enough not to hold a second copy of a large batch. */
const PIECE = 256 * 1024

/** `shown`: how a piece is shown, where somebody looks at it. */
export type StdoutOptions = { name: string; format: Format; stream: Writable; shown?: (text: string) => string }

/**
 * Lines on a stream. `durable` means here: handed to the operating system; what happens behind a pipe is its reader's.
 * Keeps no record of its own, so after a crash the lines since the last checkpoint come again.
 */
export function openStdout({ name, format, stream, shown = (text) => text }: StdoutOptions): Sink {
  // A failed write is told to its callback; without a listener the same failure would end the process.
  const ignore = (): void => {}
  stream.on('error', ignore)

  return {
    async resume() {
      return null
    },
    async write(batch, signal) {
      try {
        for (const piece of pieces(batch, format)) await send(stream, shown(piece), signal)
      } catch (error) {
        if (signal.aborted && error === signal.reason) throw error
        throw stdoutError(error, name)
      }
      return 'durable'
    },
    async flush() {},
    async [Symbol.asyncDispose]() {
      stream.off('error', ignore)
    },
  }
}

function* pieces(batch: Batch, format: Format): Generator<string> {
  let text = ''
  for (const line of lines(batch, format)) {
    text += line
    if (text.length < PIECE) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}

function* lines(batch: Batch, format: Format): Generator<string> {
  if (batch.kind === 'control') return yield linesBeside(format, format.control?.(batch))
  if (batch.kind === 'changes') {
    for (const change of batch.changes) yield format.changeLine(change)
    return yield linesBeside(format, format.after?.(batch))
  }
  const place = { position: batch.end, chunk: batch.chunk, index: 0 }
  for (const row of batch.rows()) {
    yield format.readLine(batch.table, row, place)
    place.index++
  }
}

/** Resolves once the operating system has the text: a slow reader slows us down, and only the abort ends the wait. */
function send(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    stream.write(text, 'utf8', (error) => {
      signal.removeEventListener('abort', abort)
      if (error) reject(error)
      else resolve()
    })
  })
}
