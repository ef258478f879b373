import { MillraceError } from '../../errors/millrace-error.ts'

export type KinesisPlace = { sink: string; stream: string; region: string }

/** What the SDK throws: its own exceptions with a status, or the errors of sockets and of the name service. */
type SdkError = Error & { code?: string; $metadata?: { httpStatusCode?: number; clockSkewCorrected?: boolean } }

const THROTTLED = new Set([
  'ProvisionedThroughputExceededException',
  'LimitExceededException',
  'ThrottlingException',
  'KMSThrottlingException',
  'RequestLimitExceeded',
])
const CREDENTIALS = new Set([
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'InvalidClientTokenId',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'ExpiredTokenException',
  'NotAuthorized',
  'CredentialsProviderError',
  'TokenProviderError',
])
/** The key that encrypts the stream is not ours to use, or is gone. */
const KMS = /^KMS(AccessDenied|Disabled|InvalidState|NotFound|OptInRequired)/

/** Any failure of a request as an error of the table. */
export function kinesisError(error: unknown, { action, ...place }: KinesisPlace & { action: string }): MillraceError {
  if (error instanceof MillraceError) return error
  const thrown = error as SdkError // the SDK throws nothing else
  const { httpStatusCode: status = 0, clockSkewCorrected = false } = thrown.$metadata ?? {}
  const { name } = thrown
  const { sink, stream } = place
  const reason = reasonOf(thrown, status)
  const cause = { cause: error }
  // The SDK has learnt the difference from the answer: the next request is signed with it.
  if (clockSkewCorrected) return new MillraceError('SINK_CLOCK', { sink, path: stream }, cause)
  if (THROTTLED.has(name)) return new MillraceError('SINK_STREAM_THROTTLED', { ...place, reason: name }, cause)
  if (name === 'ResourceNotFoundException') return new MillraceError('SINK_STREAM_MISSING', place, cause)
  if (CREDENTIALS.has(name)) return new MillraceError('SINK_CREDENTIALS', { sink, path: stream, reason }, cause)
  if (status === 401 || status === 403 || name === 'AccessDeniedException' || KMS.test(name))
    return new MillraceError('SINK_STREAM_FORBIDDEN', { ...place, action, reason }, cause)
  // Without a status nothing answered: refused, cut, unknown name, timed out.
  if (status === 0 || status >= 500 || status === 429 || status === 408 || status === 200)
    return new MillraceError('SINK_UNAVAILABLE', { sink, path: stream, reason }, cause)
  // What a request of ours is wrong with may be told with a value of it: neither its message nor the error itself goes on.
  return new MillraceError('SINK_STREAM_REFUSED', { ...place, action, reason: name })
}

/** Why one record of a request was not stored. Both that the API reference names pass. */
export function refusalOf(code: string, place: KinesisPlace): MillraceError {
  if (THROTTLED.has(code)) return new MillraceError('SINK_STREAM_THROTTLED', { ...place, reason: code })
  return new MillraceError('SINK_UNAVAILABLE', { sink: place.sink, path: place.stream, reason: code })
}

/** These messages name hosts, actions, accounts and identities; never a secret nor what is written. */
function reasonOf({ name, message, code }: SdkError, status: number): string {
  const words = [name === 'Error' ? '' : name, code ?? '', message === name ? '' : message]
  const said = words.filter((word) => word !== '' && word !== 'UnknownError').join(', ')
  return said === '' ? `status ${status}` : said.replace(/\.+$/, '')
}
