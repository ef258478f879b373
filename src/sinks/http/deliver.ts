import { MillraceError } from '../../errors/millrace-error.ts'
import type { Ask } from './ask.ts'
import type { HttpAnswer, HttpRequest } from './client.ts'
import { answerError, shownEndpoint, verdictOf, type HttpPlace } from './errors.ts'
import type { Outgoing } from './outgoing.ts'

export type DeliverOptions = HttpPlace & {
  ask: Ask
  encode(messages: readonly Outgoing[], nowMs: number): HttpRequest
}

/** Resolves once each of these messages was in a request that was answered by 2xx; throws an error of the table otherwise. */
export type Deliver = (messages: readonly Outgoing[], signal: AbortSignal) => Promise<void>

/**
 * An endpoint that refuses messages, or finds them too many, is sent them by halves, the first half first: order is kept, all that stands
 * before the one that cannot pass has passed, and nothing behind it has been sent.
 */
export function createDeliver({ ask, encode, ...place }: DeliverOptions): Deliver {
  return async function deliver(messages, signal) {
    const answer = await ask((nowMs) => encode(messages, nowMs), signal)
    const verdict = verdictOf(answer.status)
    if (verdict === 'taken') return
    if (verdict !== 'large' && verdict !== 'refused') throw answerError(answer, place)
    const [first] = messages
    if (messages.length === 1 && first) throw refusal(answer, first, place)
    const half = Math.ceil(messages.length / 2)
    await deliver(messages.slice(0, half), signal)
    await deliver(messages.slice(half), signal)
  }
}

function refusal({ status }: HttpAnswer, { table, position, id }: Outgoing, { sink, url }: HttpPlace): MillraceError {
  const code = verdictOf(status) === 'large' ? 'SINK_HTTP_MESSAGE_TOO_LARGE' : 'SINK_HTTP_MESSAGE_REFUSED'
  return new MillraceError(code, { sink, endpoint: shownEndpoint(url), status, table, position, id })
}
