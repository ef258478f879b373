import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { Log } from '../../contracts/sink.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from './client.ts'
import { answerError, verdictOf, type HttpPlace } from './errors.ts'
import { parseRetryAfter } from './retry-after.ts'

export type AskOptions = HttpPlace & {
  client: Pick<HttpClient, 'post'>
  /** How long a request is repeated that failed for a reason that may pass; and how long at most where the endpoint says when to come back. */
  retryForMs: number
  maxRetryAfterMs: number
  log: Pick<Log, 'warn'>
}

/** `encode` makes the request anew each time, because its signature is of a time. Never answered by what may pass: that is thrown in the end. */
export type Ask = (encode: (nowMs: number) => HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>

const SHORTEST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5000

/**
 * One request, repeated for a while where its failure may pass. It is the one thing that is not left to the pipeline, which begins again from
 * the checkpoint: an endpoint that fails once in a hundred requests, or takes sixty a minute, would be sent the same again and again, and
 * never the next. Nothing behind the request is sent meanwhile, so order is kept; each repeat has the same id.
 */
export function createAsk({ client, retryForMs, maxRetryAfterMs, log, ...place }: AskOptions): Ask {
  return async function ask(encode, signal) {
    const beganMs = performance.now()
    for (let attempt = 0; ; attempt++) {
      const failed = await once(encode(Date.now()), signal)
      if (!(failed instanceof MillraceError)) return failed
      const wish = failed.retryAfterMs
      const waitMs = Math.max(wish ?? Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** attempt) * Math.random(), SHORTEST_WAIT_MS)
      const boundMs = wish === null ? retryForMs : Math.max(retryForMs, maxRetryAfterMs)
      if (performance.now() - beganMs + waitMs > boundMs) throw failed
      log.warn('sink.request.repeated', { sink: place.sink, attempt: attempt + 1, waitMs: Math.round(waitMs), reason: failed.message })
      await delay(waitMs, undefined, { signal })
    }
  }

  /** The answer, or the error that may pass. */
  async function once(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer | MillraceError> {
    try {
      const answer = await client.post(request, signal)
      return verdictOf(answer.status) === 'busy' ? answerError(answer, place, wishOf(answer)) : answer
    } catch (error) {
      if (error instanceof MillraceError && error.kind === 'transient') return error
      throw error
    }
  }

  function wishOf({ retryAfter }: HttpAnswer): number | null {
    const wish = parseRetryAfter(retryAfter, Date.now())
    return wish === null ? null : Math.min(wish, maxRetryAfterMs)
  }
}
