import { isIP } from 'node:net'
import type { ConnectionOptions, SASLOptions } from '@platformatic/kafka'
import type { KafkaConfig } from './config.ts'
import { createTokens } from './oauth-tokens.ts'

/** How to connect and log in, as the client library takes it. */
export function connectionOptions({ brokers, sasl, tls }: KafkaConfig): ConnectionOptions {
  return {
    connectTimeout: 10_000,
    requestTimeout: 30_000,
    ...(sasl && { sasl: saslOptions(sasl) }),
    ...(tls !== false && { tls: tlsOptions(tls), tlsServerName: serverName(tls, brokers) }),
  }
}

const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
  oauthbearer: 'OAUTHBEARER',
} as const

function saslOptions({ mechanism, username, password, token, oauth }: NonNullable<KafkaConfig['sasl']>): SASLOptions {
  const given = oauth ? createTokens(oauth) : token
  return {
    mechanism: MECHANISMS[mechanism],
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(given !== undefined && { token: given }),
  }
}

type Tls = Exclude<KafkaConfig['tls'], false>

function tlsOptions(tls: Tls): NonNullable<ConnectionOptions['tls']> {
  if (tls === true) return {}
  const { ca, certificate, privateKey, passphrase, verify } = tls
  return {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(privateKey !== undefined && { key: privateKey }),
    ...(passphrase !== undefined && { passphrase }),
    rejectUnauthorized: verify,
  }
}

/** `true`: each broker is asked for by its own name, which clusters behind one address need. An address is no such name (RFC 6066). */
function serverName(tls: Tls, brokers: readonly string[]): string | boolean {
  if (tls !== true && tls.serverName !== undefined) return tls.serverName
  return !brokers.some((broker) => isIP(broker.replace(/:\d*$/, '').replace(/^\[|\]$/g, '')))
}
