import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { MillraceError } from '../../errors/millrace-error.ts'

/** Where a source URL leads. The password hides from inspection and from JSON. */
export type SourceTarget = {
  /** A host name, an address, or the folder of a Unix socket. */
  host: string
  port: number
  user: string
  database: string
  readonly password: string | undefined
  tls: TlsMode
  certificates: { ca?: string; cert?: string; key?: string }
  applicationName: string
  /** libpq's `options`, as given. */
  options: string | undefined
  connectTimeoutMs: number
}

/** libpq's words: https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS */
export type TlsMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

const TLS_MODES: readonly string[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']
const DEFAULT_TIMEOUT_S = 10

/** Reads `postgres://user:password@host:port/database?param=value`. No part of the URL stands in an error's text. */
export function parseSourceUrl(text: string): SourceTarget {
  const url = readUrl(text)
  const part = (value: string) => decode(value)
  const param = (name: string) => url.searchParams.get(name) ?? undefined
  const user = part(url.username) || param('user') || process.env.PGUSER || userInfo().username
  const target = {
    host: part(url.hostname).replace(/^\[(.*)\]$/, '$1') || param('host') || process.env.PGHOST || 'localhost',
    port: numberOf('port', url.port || param('port') || process.env.PGPORT || '5432'),
    user,
    database: part(url.pathname.slice(1)) || param('dbname') || process.env.PGDATABASE || user,
    tls: tlsModeOf(param('sslmode') ?? process.env.PGSSLMODE, param('sslrootcert')),
    certificates: readCertificates(param),
    applicationName: param('application_name') ?? 'millrace',
    options: param('options'),
    connectTimeoutMs: 1000 * (numberOf('connect_timeout', param('connect_timeout') ?? '0') || DEFAULT_TIMEOUT_S),
  }
  const password = part(url.password) || param('password') || process.env.PGPASSWORD || undefined
  return Object.defineProperty(target, 'password', { value: password, enumerable: false }) as SourceTarget // the one property added
}

function readUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw invalid('it is not a URL (a password with / ? # @ or % in it must be percent-encoded)')
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw invalid('it does not start with postgres://')
  return url
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw invalid('a % in it is not followed by two hexadecimal digits (write %25 for a %)')
  }
}

function numberOf(name: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw invalid(`${name} is not a number`)
}

/** With a root certificate given, `require` verifies the chain, as libpq does. */
function tlsModeOf(text: string | undefined, rootCertificate: string | undefined): TlsMode {
  const mode = text ?? 'prefer'
  if (!TLS_MODES.includes(mode)) throw invalid(`sslmode is none of ${TLS_MODES.join(', ')}`)
  return mode === 'require' && rootCertificate ? 'verify-ca' : (mode as TlsMode) // one of the list above
}

function readCertificates(param: (name: string) => string | undefined): SourceTarget['certificates'] {
  const found: SourceTarget['certificates'] = {}
  const wanted = [
    ['ca', 'sslrootcert'],
    ['cert', 'sslcert'],
    ['key', 'sslkey'],
  ] as const
  for (const [field, name] of wanted) {
    const path = param(name)
    if (path && path !== 'system') found[field] = readCertificate(name, path)
  }
  if (found.key !== undefined) Object.defineProperty(found, 'key', { enumerable: false })
  return found
}

function readCertificate(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new MillraceError('SOURCE_TLS', { reason: `${name} ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}` })
  }
}

function invalid(reason: string): MillraceError {
  return new MillraceError('SOURCE_URL_INVALID', { reason })
}
