import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkServerIdentity, getCACertificates, type ConnectionOptions, type SecureVersion } from 'node:tls'
import { MillraceError } from '../../errors/millrace-error.ts'
import { homeOf, type Surroundings } from './connection-defaults.ts'
import type { Written } from './connection-text.ts'
import { invalid, wordOf } from './connection-values.ts'
import { isSocket } from './hosts.ts'

/** libpq's words: https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS */
const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
type TlsMode = (typeof MODES)[number]

/** What was asked for, by libpq's words. Files are read when a connection is made. The key's password hides from inspection and from JSON. */
export type TlsWanted = {
  mode: TlsMode
  /** A file of certificates, or those that this machine trusts. */
  roots: { file: string } | 'system' | null
  certificate: { file: string; keyFile: string } | null
  readonly keyPassword: string | undefined
  revoked: string | null
  minVersion: SecureVersion | undefined
  maxVersion: SecureVersion | undefined
  /** Begins with the handshake at once (servers from 17 on). */
  isDirect: boolean
}

const VERSIONS: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

/** Reads every `ssl…` parameter, with libpq's defaults in `~/.postgresql/`. */
export function readTls(all: Written, env: Surroundings): TlsWanted {
  const folder = join(homeOf(env), '.postgresql')
  const roots = readRoots(all, folder)
  const mode = readMode(all, roots)
  const isDirect = wordOf(all, 'sslnegotiation', ['postgres', 'direct']) === 'direct'
  if (isDirect && ['disable', 'allow', 'prefer'].includes(mode))
    throw invalid('sslnegotiation=direct needs sslmode=require, verify-ca or verify-full')
  const wanted = {
    mode,
    roots,
    certificate: readCertificate(all, folder),
    revoked: all.get('sslcrl') || null,
    minVersion: wordOf(all, 'ssl_min_protocol_version', VERSIONS),
    maxVersion: wordOf(all, 'ssl_max_protocol_version', VERSIONS),
    isDirect,
  }
  return Object.defineProperty(wanted, 'keyPassword', { value: all.get('sslpassword') || undefined, enumerable: false }) as TlsWanted // the one property added
}

/** Whether to encrypt, in the order in which to try. Unix sockets know no TLS, whatever the mode. */
export function tlsAttempts({ mode }: TlsWanted, host: string): readonly boolean[] {
  if (isSocket(host) || mode === 'disable') return [false]
  if (mode === 'allow') return [false, true]
  return mode === 'prefer' ? [true, false] : [true]
}

/**
 * As libpq: a file of root certificates makes every mode verify the chain (so that `require` with it is `verify-ca`);
 * `verify-full` alone compares the name. Without such a file `verify-full` trusts
 * the authorities that Node knows.
 */
export function tlsOptions(wanted: TlsWanted): ConnectionOptions {
  const { mode, roots, certificate, keyPassword, revoked, minVersion, maxVersion } = wanted
  const verifiesName = mode === 'verify-full'
  return {
    rejectUnauthorized: verifiesName || roots !== null,
    checkServerIdentity: verifiesName ? checkServerIdentity : () => undefined,
    ...rootsOf(wanted),
    ...(certificate ? { cert: readFile('sslcert', certificate.file), key: readFile('sslkey', certificate.keyFile) } : {}),
    ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
    ...(revoked === null ? {} : { crl: readFile('sslcrl', revoked) }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
  }
}

function rootsOf({ roots }: TlsWanted): { ca?: string[] } {
  if (roots === null) return {}
  if (roots !== 'system') return { ca: [readFile('sslrootcert', roots.file)] }
  return { ca: [...new Set([...getCACertificates('default'), ...getCACertificates('system')])] }
}

function readMode(all: Written, roots: TlsWanted['roots']): TlsMode {
  // The old word, before sslmode.
  const old = all.get('requiressl') === '1' ? 'require' : 'prefer'
  const mode = wordOf(all, 'sslmode', MODES) ?? (roots === 'system' ? 'verify-full' : old)
  // Anybody has a certificate that this machine trusts: without the name it says nothing.
  if (roots === 'system' && mode !== 'verify-full' && mode !== 'disable') throw invalid('sslrootcert=system needs sslmode=verify-full')
  if (roots === null && mode === 'verify-ca')
    throw new MillraceError('SOURCE_TLS', { reason: 'sslmode=verify-ca needs the certificate of the authority that signs the server’s' })
  return mode
}

function readRoots(all: Written, folder: string): TlsWanted['roots'] {
  const written = all.get('sslrootcert')
  if (written === 'system') return 'system'
  if (written) return { file: written }
  const usual = join(folder, 'root.crt')
  return existsSync(usual) ? { file: usual } : null
}

function readCertificate(all: Written, folder: string): TlsWanted['certificate'] {
  if (all.get('sslcertmode') === 'disable') return null
  const usual = join(folder, 'postgresql.crt')
  const file = all.get('sslcert') || (existsSync(usual) ? usual : '')
  return file ? { file, keyFile: all.get('sslkey') || join(folder, 'postgresql.key') } : null
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new MillraceError('SOURCE_TLS', { reason: `${name} ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}` })
  }
}
