import type { SessionWanted } from './source-url.ts'

/** What a server says of itself at the start of a session, by its parameters' names. */
export type Reported = ReadonlyMap<string, string>

/** What a server is that is not what was wanted, as words for the error; null where it is. */
export function mismatchOf(wanted: SessionWanted, reported: Reported): string | null {
  const isStandby = reported.get('in_hot_standby') === 'on'
  const isReadOnly = isStandby || reported.get('default_transaction_read_only') === 'on'
  switch (wanted) {
    case 'any':
    case 'prefer-standby':
      return null
    case 'primary':
      return isStandby ? 'it is a standby' : null
    case 'standby':
      return isStandby ? null : 'it is no standby'
    case 'read-write':
      return isReadOnly ? 'its sessions are read-only' : null
    case 'read-only':
      return isReadOnly ? null : 'its sessions are not read-only'
  }
}

/** The rounds in which the hosts are tried: a standby that is preferred is looked for everywhere first. */
export function roundsOf(wanted: SessionWanted): readonly SessionWanted[] {
  return wanted === 'prefer-standby' ? ['standby', 'any'] : [wanted]
}
