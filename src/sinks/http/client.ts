import { Pool } from 'undici'
import type { HttpConfig } from './config.ts'
import { networkError } from './errors.ts'

export type HttpRequest = { headers: Record<string, string>; body: string }
export type HttpAnswer = { status: number; retryAfter: string | null; location: string | null }

/** Throws errors of the table, or the signal's reason. */
export type HttpClient = {
  /** The whole answer has arrived when it resolves. */
  post(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
  /** Asks for nothing: what it may be asked for. */
  look(headers: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer>
  close(): Promise<void>
}

/** Of an answer's body nothing is wanted; one longer than this is not read to its end. */
const READ_BYTES = 256 * 1024

/** The one file that knows undici, which follows no redirects and repeats no POST. */
export function openClient({ url, concurrency, timeout, tls }: HttpConfig, sink: string): HttpClient {
  const { origin, pathname, search } = new URL(url)
  const connect = { timeout, ...definedOnly(tls) }
  const pool = new Pool(origin, { connections: concurrency, pipelining: 1, headersTimeout: timeout, bodyTimeout: timeout, connect })

  async function send(method: 'POST' | 'OPTIONS', request: Partial<HttpRequest>, signal: AbortSignal): Promise<HttpAnswer> {
    try {
      return await within(timeout, signal, async (within) => {
        const answer = await pool.request({ method, path: pathname + search, ...request, signal: within })
        let bytes = 0
        for await (const piece of answer.body) {
          bytes += (piece as Uint8Array).length // a body without an encoding gives bytes
          if (bytes > READ_BYTES) break
        }
        return { status: answer.statusCode, retryAfter: one(answer.headers['retry-after']), location: one(answer.headers.location) }
      })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw networkError(error, { sink, url, timeoutMs: timeout })
    }
  }

  return {
    post: (request, signal) => send('POST', request, signal),
    look: (headers, signal) => send('OPTIONS', { headers }, signal),
    close: () => pool.destroy(),
  }
}

/** The time runs from the connection to the last byte of the answer: an endpoint that sends a byte now and then hangs too. */
async function within<T>(ms: number, signal: AbortSignal, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const ending = new AbortController()
  const onAbort = () => ending.abort(signal.reason)
  const timer = setTimeout(() => ending.abort(new DOMException('', 'TimeoutError')), ms)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await act(ending.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function one(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null
}

/** undici tells an option that is undefined from one that is left out. */
function definedOnly<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> } // what is left is defined
}
