import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from './client.ts'
import { answerError, shownEndpoint, verdictOf, type HttpPlace } from './errors.ts'
import type { Outgoing } from './outgoing.ts'
import { parseRetryAfter } from './retry-after.ts'

/** So long an endpoint that says when to come back is waited for here; for longer the whole pipeline waits, and says so. */
const WAIT_HERE_MS = 30_000
/** `Retry-After: 0` is no leave to ask without a pause. */
const SHORTEST_WAIT_MS = 100

export type DeliverOptions = HttpPlace & {
  client: Pick<HttpClient, 'post'>
  encode(messages: readonly Outgoing[], nowMs: number): HttpRequest
  maxRetryAfterMs: number
  sleep?(ms: number, signal: AbortSignal): Promise<unknown>
}

/** Resolves once each of these messages was in a request that was answered by 2xx; throws an error of the table otherwise. */
export type Deliver = (messages: readonly Outgoing[], signal: AbortSignal) => Promise<void>

/**
 * An endpoint that refuses messages, or finds them too many, is sent them by halves, the first half first: order is kept, all that stands
 * before the one that cannot pass has passed, and nothing behind it has been sent.
 */
export function createDeliver(options: DeliverOptions): Deliver {
  const { client, encode, maxRetryAfterMs } = options
  const sleep = options.sleep ?? ((ms, signal) => delay(ms, undefined, { signal }))

  return async function deliver(messages, signal) {
    const answer = await ask(messages, signal)
    const verdict = verdictOf(answer.status)
    if (verdict === 'taken') return
    if (verdict !== 'large' && verdict !== 'refused') throw answerError(answer, options, wishOf(answer))
    const [first] = messages
    if (messages.length === 1 && first) throw refusal(answer, first, options)
    const half = Math.ceil(messages.length / 2)
    await deliver(messages.slice(0, half), signal)
    await deliver(messages.slice(half), signal)
  }

  /**
   * The answer, after the pauses that the endpoint asked for. Waited for here, because to begin again from the checkpoint would send
   * again what it took before it grew tired: an endpoint that takes a few requests a second would never see the next.
   */
  async function ask(messages: readonly Outgoing[], signal: AbortSignal): Promise<HttpAnswer> {
    let leftMs = WAIT_HERE_MS
    for (;;) {
      const answer = await client.post(encode(messages, Date.now()), signal)
      const wish = wishOf(answer)
      if (wish === null || wish > leftMs) return answer
      const waitMs = Math.max(wish, SHORTEST_WAIT_MS)
      await sleep(waitMs, signal)
      leftMs -= waitMs
    }
  }

  function wishOf({ status, retryAfter }: HttpAnswer): number | null {
    const wish = verdictOf(status) === 'busy' ? parseRetryAfter(retryAfter, Date.now()) : null
    return wish === null ? null : Math.min(wish, maxRetryAfterMs)
  }
}

function refusal({ status }: HttpAnswer, { table, position, id }: Outgoing, { sink, url }: HttpPlace): MillraceError {
  const code = verdictOf(status) === 'large' ? 'SINK_HTTP_MESSAGE_TOO_LARGE' : 'SINK_HTTP_MESSAGE_REFUSED'
  return new MillraceError(code, { sink, endpoint: shownEndpoint(url), status, table, position, id })
}
