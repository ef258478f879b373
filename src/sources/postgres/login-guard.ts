import { MillraceError } from '../../errors/millrace-error.ts'
import { isSocket, placeOf, type SourceHost } from './hosts.ts'
import { readPasswordFile } from './password-file.ts'
import type { SourceTarget } from './source-url.ts'

/** pg's protocol side: tells each message of the login as it comes, before pg itself answers it. */
type Wire = { on(event: string, listener: (message: { mechanisms?: readonly string[] }) => void): unknown }

export type LoginGuard = {
  /** What pg calls when the server wants a password. Throws where none may be given, or none is there. */
  password(): string
  /** After the login: throws where the server let us in by a way that was not allowed. */
  assertAllowed(): void
}

/** Gives the password out only to ways of logging in that `require_auth` and `channel_binding` allow. */
export function createLoginGuard(target: SourceTarget, host: SourceHost): LoginGuard & { watch(wire: Wire): void } {
  let way = 'none'
  let binds = false

  const assertAllowed = () => {
    if (target.bindsChannel && !binds)
      throw refused(target, 'the server does not bind the login to the TLS session (channel_binding=require)')
    if (target.logins === null || isAllowed(target.logins, way)) return
    throw refused(target, `the server asks for ${way === 'none' ? 'no login' : `a login by ${way}`}, which require_auth does not allow`)
  }
  return {
    watch(wire) {
      wire.on('authenticationCleartextPassword', () => (way = 'password'))
      wire.on('authenticationMD5Password', () => (way = 'md5'))
      wire.on('authenticationSASL', ({ mechanisms = [] }) => {
        way = 'scram-sha-256'
        binds = mechanisms.includes('SCRAM-SHA-256-PLUS')
      })
    },
    password() {
      assertAllowed()
      if (target.password !== undefined) return target.password
      const found = readPasswordFile(target.passwordFile, {
        host: nameIn(host),
        port: host.port,
        database: target.database,
        user: target.user,
      })
      if (found.password !== null) return found.password
      const why = found.ignored === null ? '' : ` (${found.ignored})`
      throw refused(target, `the server asks for a password, and there is none in the URL, in PGPASSWORD or in a password file${why}`)
    },
    assertAllowed,
  }
}

/** As libpq: a socket where none was named is `localhost`; one that was named is its folder. */
function nameIn(host: SourceHost): string {
  return host.host === '' && isSocket(placeOf(host)) ? 'localhost' : placeOf(host)
}

/** `scram-sha-256,none`, or `!md5,!password`: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH */
function isAllowed(logins: readonly string[], way: string): boolean {
  const denies = logins.some((login) => login.startsWith('!'))
  return denies ? !logins.includes(`!${way}`) : logins.includes(way)
}

function refused({ user }: SourceTarget, reason: string): MillraceError {
  return new MillraceError('SOURCE_AUTH', { user, reason })
}
