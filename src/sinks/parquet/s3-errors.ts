import { MillraceError } from '../../errors/millrace-error.ts'

export type S3Act = { sink: string; path: string; action: string; region: string }

/** An object of that name is there, or was put there at the same moment. */
export class NameTaken extends Error {
  override readonly name = 'NameTaken'
}

/** What the SDK throws: its own exceptions with a status, or the errors of sockets and of the name service. */
type SdkError = Error & { code?: string; Region?: string; $metadata?: { httpStatusCode?: number } }

const REGION = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException', '301'])
const CREDENTIALS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'ExpiredTokenException',
  'CredentialsProviderError',
  'TokenProviderError',
])
const CLOCK = new Set(['RequestTimeTooSkewed', 'RequestExpired'])
const BUSY = new Set(['SlowDown', 'TimeoutError', 'RequestTimeout', 'InternalError', 'ServiceUnavailable', 'ThrottlingException'])

/**
 * Stores on a file system take empty folders away with the last object in them. One that is put at that moment finds its folder gone, and
 * VersityGW 1.8 gives this answer to whatever goes wrong then (backend/posix, PutObject); no object of ours has the name of a folder.
 */
export function isFolderRace(error: unknown): boolean {
  return error instanceof Error && error.name === 'ExistingObjectIsDirectory'
}

/** Any failure of a request as an error of the table, or NameTaken. */
export function s3Error(error: unknown, { sink, path, action, region }: S3Act): Error {
  if (error instanceof MillraceError) return error
  const thrown = error as SdkError // the SDK throws nothing else
  const status = thrown.$metadata?.httpStatusCode ?? 0
  const name = thrown.name
  const reason = reasonOf(thrown, status)
  const cause = { cause: error }
  // 409: two conditional writes of one name at the same moment.
  if (name === 'PreconditionFailed' || status === 412 || name === 'ConditionalRequestConflict') return new NameTaken(reason, cause)
  if (CLOCK.has(name)) return new MillraceError('SINK_CLOCK', { sink, path }, cause)
  if (name === 'NoSuchBucket') return new MillraceError('SINK_BUCKET_MISSING', { sink, path }, cause)
  if (REGION.has(name) || status === 301) return new MillraceError('SINK_REGION', { sink, path, region, reason }, cause)
  if (CREDENTIALS.has(name)) return new MillraceError('SINK_CREDENTIALS', { sink, path, reason }, cause)
  if (status === 401 || status === 403) return new MillraceError('SINK_FORBIDDEN', { sink, path, action, reason }, cause)
  // Without a status nothing answered: refused, cut, unknown name, timed out.
  if (status === 0 || status >= 500 || status === 429 || BUSY.has(name) || isFolderRace(error))
    return new MillraceError('SINK_UNAVAILABLE', { sink, path, reason }, cause)
  // An upload that somebody ended: it is begun again.
  if (name === 'NoSuchUpload') return new MillraceError('SINK_UNAVAILABLE', { sink, path, reason }, cause)
  return new MillraceError('SINK_STORE_REFUSED', { sink, path, action, reason }, cause)
}

/** The SDK's messages name hosts, actions and identities; never a secret nor what is written. */
function reasonOf({ name, message, code, Region }: SdkError, status: number): string {
  const words = [
    name === 'Error' ? '' : name,
    code ?? '',
    message === name ? '' : message,
    Region === undefined ? '' : `it is in ${Region}`,
  ]
  const said = words.filter((word) => word !== '' && word !== 'UnknownError').join(', ')
  return said === '' ? `status ${status}` : said.replace(/\.+$/, '')
}
