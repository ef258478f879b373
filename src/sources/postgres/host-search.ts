import { MillraceError } from '../../errors/millrace-error.ts'
import type { SourceHost } from './hosts.ts'
import type { SourceTarget } from './source-url.ts'

export type HostFailure = { name: string; failure: MillraceError }

/** The hosts as they are tried this time. */
export function inTryingOrder({ hosts, shuffles }: Pick<SourceTarget, 'hosts' | 'shuffles'>): readonly SourceHost[] {
  if (!shuffles) return hosts
  const drawn = hosts.map((host) => ({ host, at: Math.random() }))
  return drawn.sort((a, b) => a.at - b.at).map(({ host }) => host)
}

/** A server that answered and refused the login will do so at its other hosts too (libpq stops there as well). */
export function endsTheSearch({ code }: MillraceError): boolean {
  return code === 'SOURCE_AUTH' || code === 'SOURCE_DATABASE_MISSING' || code === 'SOURCE_URL_INVALID' || code === 'BUG'
}

/** One error for all hosts that were tried. It may pass when one of theirs may: the next walk finds who is primary then. */
export function allFailed(failures: readonly HostFailure[]): MillraceError {
  const [first] = failures
  if (!first) return new MillraceError('BUG', { reason: 'no host was tried' })
  const names = [...new Set(failures.map(({ name }) => name))]
  if (names.length === 1) return first.failure
  const passing = failures.some(({ failure }) => failure.kind === 'transient')
  if (!passing) return first.failure
  const reason = failures.map(({ name, failure }) => `${name}: ${failure.fields.reason ?? failure.message}`).join('; ')
  return new MillraceError('SOURCE_UNREACHABLE', { host: `any of ${names.length} hosts`, reason })
}
