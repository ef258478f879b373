import { MillraceError } from '../../errors/millrace-error.ts'
import type { HttpAnswer } from './client.ts'

export type HttpPlace = { sink: string; url: string }

/**
 * What an answer means:
 * taken · large: fewer messages may pass · refused: one of the messages cannot pass · busy: later · the others: not before somebody has acted.
 */
export type Verdict = 'taken' | 'large' | 'refused' | 'busy' | 'redirect' | 'denied' | 'rejected'

const BY_STATUS: Readonly<Record<number, Verdict>> = {
  400: 'refused',
  401: 'denied',
  403: 'denied',
  407: 'denied',
  408: 'busy',
  // Another request of the same id is under way, as servers with idempotency keys say.
  409: 'busy',
  413: 'large',
  421: 'busy',
  422: 'refused',
  423: 'busy',
  425: 'busy',
  429: 'busy',
  501: 'rejected',
  505: 'rejected',
}

export function verdictOf(status: number): Verdict {
  const own = BY_STATUS[status]
  if (own !== undefined) return own
  if (status >= 200 && status < 300) return 'taken'
  if (status >= 300 && status < 400) return 'redirect'
  return status >= 500 ? 'busy' : 'rejected'
}

/** An answer that is no fault of a message. `retryAfterMs`: what it asks for, within bounds. */
export function answerError({ status, location }: HttpAnswer, { sink, url }: HttpPlace, retryAfterMs: number | null = null): MillraceError {
  const fields = { sink, endpoint: shownEndpoint(url), status }
  switch (verdictOf(status)) {
    case 'busy':
      return new MillraceError('SINK_HTTP_BUSY', fields, { ...(retryAfterMs !== null && { retryAfterMs }) })
    case 'redirect':
      return new MillraceError('SINK_HTTP_REDIRECT', { ...fields, location: shownLocation(location, url) })
    case 'denied':
      return new MillraceError('SINK_HTTP_DENIED', fields)
    default:
      return new MillraceError('SINK_HTTP_REJECTED', fields)
  }
}

/** What a connection, TLS or the time throws. */
export function networkError(error: unknown, { sink, url, timeoutMs }: HttpPlace & { timeoutMs: number }): MillraceError {
  const { name, code = '', message } = error as Error & { code?: string } // undici and node:tls throw errors only
  const fields = { sink, endpoint: shownEndpoint(url) }
  const cause = { cause: error }
  // What no request may hold: nothing was sent, and nothing else would be the next time.
  if (code === 'UND_ERR_INVALID_ARG') return new MillraceError('BUG', { reason: message }, cause)
  if (TLS.test(code)) return new MillraceError('SINK_HTTP_TLS', { ...fields, reason: tlsReason(code, message) }, cause)
  const isLate = name === 'TimeoutError' || LATE.has(code)
  const reason = isLate ? `no whole answer within ${timeoutMs} ms` : plainReason(code, message)
  return new MillraceError('SINK_HTTP_UNREACHABLE', { ...fields, reason }, cause)
}

const LATE = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT'])

/** Node's codes of certificates, of OpenSSL (also of what the other side says of ours), and of PEM that is none. */
const TLS =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|ERR_CRYPTO_|CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|EPROTO$)/

/** Without OpenSSL's numbers and file names. */
function tlsReason(code: string, message: string): string {
  return `${message
    .replace(/^[0-9A-F]+:error:[^:]*:(?:[^:]*:)?/i, '')
    .replace(/:\.\..*$/s, '')
    .trim()
    .replace(/\.$/, '')} (${code})`
}

function plainReason(code: string, message: string): string {
  if (code === 'UND_ERR_SOCKET') return 'the connection was closed before the answer was whole'
  // Of several addresses that all failed there is only a code.
  return message === '' ? code : message.replace(/\.$/, '')
}

/** Without path and query: they may be what lets us in. */
export function shownEndpoint(url: string): string {
  return new URL(url).origin
}

function shownLocation(location: string | null, url: string): string {
  const to = location === null ? null : URL.parse(location, url)
  if (to === null) return 'nowhere'
  return to.origin === new URL(url).origin ? 'another path of it' : to.origin
}
