import { MillraceError, toMillraceError, type ErrorFields } from '../../errors/millrace-error.ts'
import type { ErrorCode } from '../../errors/table.ts'
import { quoteIdentifier } from './catalogue-sql.ts'
import { poolerAnswering } from './poolers.ts'
import { explainTls, isTlsFailure } from './tls-errors.ts'

/** What was being done, for the error's fields. Only these names are printed; a password given is cut out of any text. */
export type ErrorPlace = {
  host?: string
  port?: number
  user?: string
  database?: string
  password?: string | undefined
  replication?: boolean
  slot?: string
  publication?: string
  position?: string
  phase?: 'connect' | 'query' | 'stream'
}

type ServerError = Error & { code: string; routine?: string; severity?: string }

/**
 * Any error that `pg`, TLS or the socket throws, as one of the table. Total: what is not known is a bug of ours.
 * Decides by SQLSTATE and by the server's routine, never by its words: those follow lc_messages.
 */
export function toSourceError(error: unknown, place: ErrorPlace = {}): MillraceError {
  if (error instanceof MillraceError) return error
  const found = isServerError(error) ? fromServer(error, place) : fromSocket(error, place)
  if (!found) return toMillraceError(error)
  const [code, fields] = found
  const safe = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, hide(String(value), place.password)]))
  return new MillraceError(code, safe)
}

/** Whether the server, or something before it, would not speak TLS: `prefer` then goes on without. */
export function isTlsRefusal(error: unknown): boolean {
  return isTlsFailure(error) || sqlstateOf(error) === '28000'
}

/** Whether the server refused an unencrypted session: `allow` then tries TLS. */
export function isPlainRefusal(error: unknown): boolean {
  return sqlstateOf(error) === '28000'
}

/** The SQLSTATE of a server's error, else undefined. */
export function sqlstateOf(error: unknown): string | undefined {
  return isServerError(error) ? error.code : undefined
}

const UNDEFINED_TABLE = '42P01'

type Mapped = readonly [ErrorCode, ErrorFields]

function fromServer(error: ServerError, place: ErrorPlace): Mapped {
  const reason = firstLine(error.message)
  const pooler = poolerAnswering(reason, place)
  if (pooler) return ['SOURCE_POOLER', { pooler: pooler.name, reason: `it answers "${reason}"`, instead: pooler.instead }]
  const { host = 'the server', user = 'the role', database = 'named' } = place
  switch (error.code) {
    case '28P01':
    case '28000':
      return ['SOURCE_AUTH', { user, reason }]
    case '08P01':
      // PgBouncer's number for a login that it refused.
      if (/authentication failed/.test(reason)) return ['SOURCE_AUTH', { user, reason }]
      break
    case '3D000':
      return ['SOURCE_DATABASE_MISSING', { database }]
    case '53300':
      return isSenderLimit(error) ? ['SLOTS_EXHAUSTED', { reason }] : ['SOURCE_UNREACHABLE', { host, reason }]
    case '53400':
      return ['SLOTS_EXHAUSTED', { reason }]
    case '57P03':
      return ['SOURCE_UNREACHABLE', { host, reason }]
    case '55006':
      if (place.slot) return ['SLOT_IN_USE', { slot: place.slot, pid: /\b(\d+)\b(?!.*\b\d+\b)/.exec(reason)?.[1] ?? 'unknown' }]
      break
    case '42501':
      if (place.replication) return ['RIGHT_REPLICATION', { role: user, grant: `ALTER ROLE ${quoteIdentifier(user)} REPLICATION` }]
      break
    case '42704':
      if (place.phase === 'stream') return missing(error, place)
      break
    case '55000':
    case '58P01':
      if (error.routine === 'CheckLogicalDecodingRequirements') return ['WAL_LEVEL', { level: 'too low' }]
      if (place.phase === 'stream') return ['GAP_SLOT_LOST', slotFields(place)]
      break
    case 'XX000':
      // "could not map filenumber": a slot that was built while a TRUNCATE or a rewrite waited for a synchronous standby fails there for ever.
      if (place.phase === 'stream') return ['SOURCE_DECODING', { position: place.position ?? 'the checkpoint', reason }]
      // A function of the catalogue waited for a DROP that then committed: the table is gone, as by name it would be.
      if (error.routine === 'relation_open') return ['SOURCE_QUERY', { sqlstate: UNDEFINED_TABLE, reason }]
  }
  if (isPassing(error.code)) return place.phase === 'connect' ? ['SOURCE_UNREACHABLE', { host, reason }] : ['SOURCE_LOST', { reason }]
  return ['SOURCE_QUERY', { sqlstate: error.code, reason: wordsOf(error) }]
}

/** START_REPLICATION names a slot; the publication is looked up later, by pgoutput, with another routine. */
function missing(error: ServerError, place: ErrorPlace): Mapped {
  if (/publication/i.test(error.routine ?? '')) return ['PUBLICATION_LOST', { publication: place.publication ?? '' }]
  return ['GAP_SLOT_MISSING', slotFields(place)]
}

function slotFields(place: ErrorPlace): ErrorFields {
  return { slot: place.slot ?? '', position: place.position ?? 'the checkpoint' }
}

/** The limit on senders (walsender.c) and the limit on connections (proc.c) share one SQLSTATE. */
function isSenderLimit(error: ServerError): boolean {
  return /max_wal_senders/.test(error.message)
}

/** Connection trouble, an operator's shutdown, lack of resources, deadlocks and cancelled waits: the same step may succeed later. */
function isPassing(sqlstate: string): boolean {
  return /^(08|53|40|57|58|XX001)/.test(sqlstate) || sqlstate === '55P03' || sqlstate === '25P03'
}

/** A data exception (class 22) may quote a cell in its text: only its number is told. */
function wordsOf(error: ServerError): string {
  return error.code.startsWith('22') ? 'a data exception' : firstLine(error.message)
}

/** What a socket's codes mean where a connection is made. */
const UNREACHABLE = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'the name is not known'],
  ['EAI_AGAIN', 'the name cannot be looked up'],
  ['ETIMEDOUT', 'no answer in time'],
  ['EHOSTUNREACH', 'there is no way to the host'],
  ['ENETUNREACH', 'there is no way to the network'],
  ['EHOSTDOWN', 'the host is down'],
  ['ENOENT', 'there is no such socket'],
  ['EACCES', 'the socket may not be used by this user'],
  ['EADDRNOTAVAIL', 'the address is none of this machine'],
])
const BROKEN = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_WRITE_AFTER_END',
])

function fromSocket(error: unknown, place: ErrorPlace): Mapped | null {
  if (!(error instanceof Error)) return null
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const reason = wordsOfSocket(error, code)
  if (error.name === 'TimeoutError') return ['SOURCE_LOST', { reason: 'no answer in time' }]
  if (isTlsFailure(error)) return explainTls(error, place)
  if (/^SASL|[Pp]assword must be/.test(error.message)) return ['SOURCE_AUTH', { user: place.user ?? 'the role', reason }]
  const isBreak =
    BROKEN.has(code) || /timeout expired|[Cc]onnection terminated|not queryable|was closed|closed the connection/.test(error.message)
  if (!UNREACHABLE.has(code) && !isBreak) return null
  return place.phase === 'connect' ? ['SOURCE_UNREACHABLE', { host: place.host ?? 'the server', reason }] : ['SOURCE_LOST', { reason }]
}

/** Node tells the address again, and nothing at all where a name has several. */
function wordsOfSocket(error: Error, code: string): string {
  const words = UNREACHABLE.get(code)
  if (words !== undefined) return `${words} (${code})`
  return error.message === 'timeout expired' ? 'no answer in time' : firstLine(error.message) || code || 'no answer'
}

function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    'severity' in error &&
    typeof (error as { code?: unknown }).code === 'string' &&
    /^[0-9A-Z]{5}$/.test((error as ServerError).code)
  )
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/[.\s]+$/, '')
}

function hide(text: string, password: string | undefined): string {
  return password ? text.split(password).join('***') : text
}
