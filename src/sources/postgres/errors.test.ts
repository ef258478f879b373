import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../errors/millrace-error.ts'
import { toSourceError, type ErrorPlace } from './errors.ts'

/** A server's error as `pg` makes it. */
function serverError(code: string, message = 'something', routine = ''): Error {
  return Object.assign(new pg.DatabaseError(message, 1, 'error'), { code, severity: 'ERROR', routine })
}

const socketError = (code: string, message = code) => Object.assign(new Error(message), { code })
const stream: ErrorPlace = { phase: 'stream', slot: 's', publication: 'p', replication: true }

describe('errors of Postgres and its socket', () => {
  test.each<[unknown, ErrorPlace, string]>([
    [serverError('28P01'), {}, 'SOURCE_AUTH'],
    [serverError('28000'), {}, 'SOURCE_AUTH'],
    [serverError('3D000'), {}, 'SOURCE_DATABASE_MISSING'],
    [serverError('53300', 'sorry, too many clients already'), {}, 'SOURCE_UNREACHABLE'],
    [serverError('53300', 'number of requested standby connections exceeds max_wal_senders (currently 1)'), {}, 'SLOTS_EXHAUSTED'],
    [serverError('53400'), {}, 'SLOTS_EXHAUSTED'],
    [serverError('55006', 'replication slot "s1" is active for PID 42'), stream, 'SLOT_IN_USE'],
    [serverError('42501'), { replication: true }, 'RIGHT_REPLICATION'],
    [serverError('42501'), {}, 'SOURCE_QUERY'],
    [serverError('42704', 'x', 'ReplicationSlotAcquire'), stream, 'GAP_SLOT_MISSING'],
    [serverError('42704', 'x', 'get_publication_oid'), stream, 'PUBLICATION_LOST'],
    [serverError('55000', 'x', 'CheckLogicalDecodingRequirements'), stream, 'WAL_LEVEL'],
    [serverError('55000'), stream, 'GAP_SLOT_LOST'],
    [serverError('58P01'), stream, 'GAP_SLOT_LOST'],
    [serverError('57P01'), stream, 'SOURCE_LOST'],
    [serverError('XX000', 'could not map filenumber "base/1/2" to relation OID'), stream, 'SOURCE_DECODING'],
    [serverError('XX000'), {}, 'SOURCE_QUERY'],
    [serverError('57P02'), {}, 'SOURCE_LOST'],
    [serverError('57P01'), { phase: 'connect' }, 'SOURCE_UNREACHABLE'],
    [serverError('08P01', 'unsupported startup parameter: replication'), { replication: true }, 'SOURCE_POOLER'],
    [serverError('0A000', "Feature not supported: RDS Proxy currently doesn't support streaming replication mode"), {}, 'SOURCE_POOLER'],
    [serverError('08P01', '"trust" authentication failed'), { phase: 'connect' }, 'SOURCE_AUTH'],
    [serverError('08P01', 'query_wait_timeout'), { phase: 'connect' }, 'SOURCE_UNREACHABLE'],
    [serverError('57P03'), {}, 'SOURCE_UNREACHABLE'],
    [serverError('40P01'), {}, 'SOURCE_LOST'],
    [serverError('53200'), {}, 'SOURCE_LOST'],
    [serverError('42601'), {}, 'SOURCE_QUERY'],
    [socketError('ECONNREFUSED'), { phase: 'connect' }, 'SOURCE_UNREACHABLE'],
    [socketError('ENOTFOUND'), { phase: 'connect' }, 'SOURCE_UNREACHABLE'],
    [new Error('timeout expired'), { phase: 'connect' }, 'SOURCE_UNREACHABLE'],
    [new Error('Connection terminated unexpectedly'), { phase: 'connect' }, 'SOURCE_UNREACHABLE'],
    [new Error('Connection terminated unexpectedly'), stream, 'SOURCE_LOST'],
    [socketError('ECONNRESET'), stream, 'SOURCE_LOST'],
    [socketError('ETIMEDOUT'), stream, 'SOURCE_LOST'],
    [socketError('DEPTH_ZERO_SELF_SIGNED_CERT'), {}, 'SOURCE_TLS_UNTRUSTED'],
    [socketError('CERT_HAS_EXPIRED'), {}, 'SOURCE_TLS_EXPIRED'],
    [socketError('ERR_TLS_CERT_ALTNAME_INVALID'), {}, 'SOURCE_TLS_NAME'],
    [socketError('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), {}, 'SOURCE_TLS'],
    [new Error('The server does not support SSL connections'), {}, 'SOURCE_TLS_MISSING'],
    [new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), {}, 'SOURCE_AUTH'],
    [new DOMException('timed out', 'TimeoutError'), {}, 'SOURCE_LOST'],
    [new MillraceError('SINK_IO'), {}, 'SINK_IO'],
    [new TypeError('x is not a function'), {}, 'BUG'],
    ['a string', {}, 'BUG'],
    [undefined, {}, 'BUG'],
  ])('maps %o', (error, place, code) => {
    expect(toSourceError(error, place).code).toBe(code)
  })

  test('names who holds the slot', () => {
    const error = toSourceError(serverError('55006', 'replication slot "s1" is active for PID 42'), { slot: 's1' })
    expect(error.fields).toEqual({ slot: 's1', pid: '42' })
  })

  test('tells no value that a data exception quotes, and no password that a text holds', () => {
    const quoting = serverError('22P02', 'invalid input syntax for type integer: "4111 1111"')
    expect(toSourceError(quoting).message).not.toContain('4111')
    const leaking = serverError('28P01', 'login as app with s3cret failed')
    expect(toSourceError(leaking, { password: 's3cret' }).message).not.toContain('s3cret')
  })
})
