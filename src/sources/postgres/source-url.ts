import { join } from 'node:path'
import { userInfo } from 'node:os'
import { MillraceError } from '../../errors/millrace-error.ts'
import { homeOf, withDefaults, type Surroundings } from './connection-defaults.ts'
import { readConnectionText } from './connection-text.ts'
import { numberOf, wordOf } from './connection-values.ts'
import { readHosts, type SourceHost } from './hosts.ts'
import { readTls, type TlsWanted } from './tls.ts'

/** Where a source's connection string leads. Secrets hide from inspection and from JSON. */
export type SourceTarget = {
  /** Tried in order. At least one. */
  hosts: readonly SourceHost[]
  user: string
  database: string
  readonly password: string | undefined
  /** libpq's password file, asked where there is no password. */
  passwordFile: string
  tls: TlsWanted
  applicationName: string
  /** libpq's `options`, as given. */
  options: string | undefined
  /** For each host. */
  connectTimeoutMs: number
  keepAlive: boolean
  keepAliveDelayMs: number
  /** What the server must be, by libpq's words. */
  session: SessionWanted
  /** Tries the hosts in random order. */
  shuffles: boolean
  bindsChannel: boolean
  /** Ways to log in that are allowed, by libpq's words; null where all are. */
  logins: readonly string[] | null
}

/** A connection string, or what was read of one. */
export type SourceAddress = string | SourceTarget

const SESSIONS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const
export type SessionWanted = (typeof SESSIONS)[number]

export type UrlContext = {
  /** Whose `PG*` variables and files are the defaults. */
  env?: Surroundings
  /** What the server shows where nothing else was said. */
  applicationName?: string
}

/** What is wrong with leaving the address out of a configuration, or null: something else must say where the database is. */
export function faultOfSilence(env: Surroundings = process.env): string | null {
  const says = ['PGHOST', 'PGHOSTADDR', 'PGDATABASE', 'PGSERVICE']
  return says.some((name) => env[name]) ? null : `is required, unless one of ${says.join(', ')} is set`
}

/** What is wrong with an address as it stands in a configuration, or null. */
export function faultOfAddress(text: string): string | null {
  try {
    parseSourceUrl(text)
    return null
  } catch (error) {
    if (error instanceof MillraceError) return `cannot be read: ${error.fields.reason}`
    throw error
  }
}

const DEFAULT_TIMEOUT_S = 10
const KEEPALIVE_DELAY_S = 10
const CHANNEL_BINDINGS = ['disable', 'prefer', 'require']

/**
 * Reads a connection string in either of libpq's forms; left out, all of it comes from the environment.
 * No part of it stands in an error's text but the names of parameters.
 */
export function parseSourceUrl(
  text: string | undefined,
  { env = process.env, applicationName = 'millrace' }: UrlContext = {},
): SourceTarget {
  const all = withDefaults(text === undefined ? new Map() : readConnectionText(text), env)
  const user = all.get('user') || env.USER || userInfo().username
  const hosts = readHosts(all)
  const target = {
    hosts,
    user,
    database: all.get('dbname') || user,
    passwordFile: all.get('passfile') || join(homeOf(env), '.pgpass'),
    tls: readTls(all, env),
    applicationName: all.get('application_name') || all.get('fallback_application_name') || applicationName,
    options: all.get('options') || undefined,
    connectTimeoutMs: 1000 * (numberOf(all, 'connect_timeout') || DEFAULT_TIMEOUT_S),
    keepAlive: numberOf(all, 'keepalives') !== 0,
    keepAliveDelayMs: 1000 * (numberOf(all, 'keepalives_idle') || KEEPALIVE_DELAY_S),
    // One of several is a standby, sooner or later, and nothing can be followed from there.
    session: wordOf(all, 'target_session_attrs', SESSIONS) ?? (hosts.length > 1 ? 'primary' : 'any'),
    shuffles: wordOf(all, 'load_balance_hosts', ['disable', 'random']) === 'random',
    bindsChannel: wordOf(all, 'channel_binding', CHANNEL_BINDINGS) === 'require',
    logins:
      all
        .get('require_auth')
        ?.split(',')
        .map((one) => one.trim()) ?? null,
  }
  return Object.defineProperty(target, 'password', { value: all.get('password') || undefined, enumerable: false }) as SourceTarget // the one property added
}
