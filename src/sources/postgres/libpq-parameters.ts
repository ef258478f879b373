import { nearestName } from '../../lib/nearest-name.ts'

/** Why a parameter that libpq knows cannot be had here; null where it can be, or where leaving it out harms nothing. */
type Judge = (value: string) => string | null
type Parameter = { env?: string; judge?: Judge }

/**
 * Every parameter of libpq (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS) with its
 * environment variable. What is not read anywhere else is accepted and has no effect; what promises a protection that
 * we would not give is refused.
 */
const PARAMETERS: Readonly<Record<string, Parameter>> = {
  application_name: { env: 'PGAPPNAME' },
  channel_binding: { env: 'PGCHANNELBINDING' },
  client_encoding: {},
  connect_timeout: { env: 'PGCONNECT_TIMEOUT' },
  dbname: { env: 'PGDATABASE' },
  fallback_application_name: {},
  gssdelegation: { env: 'PGGSSDELEGATION' },
  gssencmode: { env: 'PGGSSENCMODE', judge: (value) => (value === 'require' ? 'GSS encryption is not supported; use TLS' : null) },
  gsslib: { env: 'PGGSSLIB' },
  host: { env: 'PGHOST' },
  hostaddr: { env: 'PGHOSTADDR' },
  keepalives: {},
  keepalives_count: {},
  keepalives_idle: {},
  keepalives_interval: {},
  krbsrvname: { env: 'PGKRBSRVNAME' },
  load_balance_hosts: { env: 'PGLOADBALANCEHOSTS' },
  max_protocol_version: { env: 'PGMAXPROTOCOLVERSION' },
  min_protocol_version: {
    env: 'PGMINPROTOCOLVERSION',
    judge: (value) => (value === '3.0' ? null : 'version 3.0 of the protocol is spoken'),
  },
  oauth_client_id: { judge: refuses('OAuth is not supported') },
  oauth_client_secret: { judge: refuses('OAuth is not supported') },
  oauth_issuer: { judge: refuses('OAuth is not supported') },
  oauth_scope: { judge: refuses('OAuth is not supported') },
  options: { env: 'PGOPTIONS' },
  passfile: { env: 'PGPASSFILE' },
  password: { env: 'PGPASSWORD' },
  port: { env: 'PGPORT' },
  replication: {},
  require_auth: { env: 'PGREQUIREAUTH' },
  requirepeer: { env: 'PGREQUIREPEER', judge: refuses('the owner of the server cannot be seen from Node') },
  requiressl: { env: 'PGREQUIRESSL' },
  scram_client_key: { judge: refuses('give the password') },
  scram_server_key: { judge: refuses('give the password') },
  service: { env: 'PGSERVICE' },
  servicefile: { env: 'PGSERVICEFILE' },
  sslcert: { env: 'PGSSLCERT' },
  sslcertmode: { env: 'PGSSLCERTMODE', judge: (value) => (value === 'require' ? 'the server cannot be made to ask for it' : null) },
  sslcompression: { env: 'PGSSLCOMPRESSION' },
  sslcrl: { env: 'PGSSLCRL' },
  sslcrldir: { env: 'PGSSLCRLDIR', judge: refuses('name one file by sslcrl') },
  sslkey: { env: 'PGSSLKEY' },
  sslkeylogfile: { judge: refuses('use NODE_OPTIONS=--tls-keylog=FILE') },
  sslmode: { env: 'PGSSLMODE' },
  sslnegotiation: { env: 'PGSSLNEGOTIATION' },
  sslpassword: {},
  sslrootcert: { env: 'PGSSLROOTCERT' },
  sslsni: { env: 'PGSSLSNI', judge: (value) => (value === '0' ? 'the name is always sent' : null) },
  ssl_max_protocol_version: { env: 'PGSSLMAXPROTOCOLVERSION' },
  ssl_min_protocol_version: { env: 'PGSSLMINPROTOCOLVERSION' },
  target_session_attrs: { env: 'PGTARGETSESSIONATTRS' },
  tcp_user_timeout: {},
  user: { env: 'PGUSER' },
}

/** Other clients' words that stand in URLs which are shared with them, and change nothing here. */
const OTHERS = new Set([
  'connection_limit',
  'pgbouncer',
  'pool_timeout',
  'socket_timeout',
  'statement_cache_size',
  'uselibpqcompat',
  'workaround',
])
/** Other clients' words for what has a place of its own here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  schema: 'choose the tables by `source.tables`',
  currentschema: 'choose the tables by `source.tables`',
  search_path: 'choose the tables by `source.tables`',
  sslaccept: 'use sslmode (accept_invalid_certs is sslmode=require, strict is sslmode=verify-full)',
  statement_timeout: 'no time limit holds for sessions of ours',
}

/** Names with their variables, for defaults. */
export const VARIABLES: readonly (readonly [name: string, variable: string])[] = Object.entries(PARAMETERS).flatMap(([name, { env }]) =>
  env === undefined ? [] : [[name, env] as const],
)

/** Whether it has a meaning here; false where it is another client's and leaving it out harms nothing. */
export function isParameter(name: string): boolean {
  return Object.hasOwn(PARAMETERS, name)
}

/** What is wrong with a parameter as it is written, or null. Repeats its name, never its value. */
export function faultOf(name: string, value: string): string | null {
  if (isParameter(name)) {
    const refusal = PARAMETERS[name]?.judge?.(value) ?? null
    return refusal === null ? null : `${name} cannot be had as it is written: ${refusal}`
  }
  if (OTHERS.has(name.toLowerCase())) return null
  const elsewhere = ELSEWHERE[name.toLowerCase()]
  if (elsewhere !== undefined) return `${name} is no parameter of libpq: ${elsewhere}`
  const nearest = nearestName(name, Object.keys(PARAMETERS))
  return `${name} is no parameter of libpq${nearest === null ? '' : ` (did you mean ${nearest}?)`}`
}

function refuses(why: string): Judge {
  return () => why
}
