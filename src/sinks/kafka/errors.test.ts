import { MultipleErrors, NetworkError, ProtocolError, TimeoutError, UserError, AuthenticationError } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { MillraceError } from '../../errors/millrace-error.ts'
import { kafkaError } from './errors.ts'

const at = { sink: 'kafka', brokers: 'localhost:9092', what: 'send messages' }
const young = { ...at, transaction: { id: 'me', ageMs: 10, timeoutMs: 60_000 } }
const old = { ...at, transaction: { id: 'me', ageMs: 60_000, timeoutMs: 60_000 } }
const says = (apiId: string) => new ProtocolError(apiId as never) // every one of its names
const connecting = (code: string) =>
  new MultipleErrors('Cannot connect to any broker.', [
    new NetworkError('Connection to localhost:9092 failed.', { cause: Object.assign(new Error(`connect ${code}`), { code }) }),
  ])

const CASES: readonly [string, unknown, object, string][] = [
  ['nobody listens', connecting('ECONNREFUSED'), at, 'KAFKA_UNREACHABLE transient'],
  ['the name is not known', connecting('ENOTFOUND'), at, 'KAFKA_UNREACHABLE transient'],
  ['no answer', new TimeoutError('Request timed out'), at, 'KAFKA_UNREACHABLE transient'],
  ['cut while it answered', new NetworkError('Connection closed'), at, 'KAFKA_UNREACHABLE transient'],
  ['a leader that moved', says('NOT_LEADER_OR_FOLLOWER'), at, 'KAFKA_UNREADY transient'],
  ['too few replicas', says('NOT_ENOUGH_REPLICAS'), at, 'KAFKA_UNREADY transient'],
  ['sequences with a gap', says('OUT_OF_ORDER_SEQUENCE_NUMBER'), at, 'KAFKA_UNREADY transient'],
  ['a topic that went away', new UserError('Unknown topic orders.'), at, 'KAFKA_UNREADY transient'],
  ['not logged in', connectingAs(new AuthenticationError('SASL authentication failed.')), at, 'KAFKA_LOGIN operator'],
  ['no encryption where it is asked for', new UserError('Broker requires TLS.'), at, 'KAFKA_TLS operator'],
  ['a certificate of nobody known', connecting('SELF_SIGNED_CERT_IN_CHAIN'), at, 'KAFKA_TLS operator'],
  ['a certificate of another host', connecting('ERR_TLS_CERT_ALTNAME_INVALID'), at, 'KAFKA_TLS operator'],
  ['not allowed to write', says('TOPIC_AUTHORIZATION_FAILED'), at, 'KAFKA_FORBIDDEN operator'],
  ['not allowed that id', says('TRANSACTIONAL_ID_AUTHORIZATION_FAILED'), young, 'KAFKA_FORBIDDEN operator'],
  ['too many copies', says('INVALID_REPLICATION_FACTOR'), at, 'KAFKA_TOPIC_REFUSED operator'],
  ['no key in a compacted topic', says('INVALID_RECORD'), at, 'KAFKA_REFUSED operator'],
  ['too large', says('MESSAGE_TOO_LARGE'), at, 'KAFKA_MESSAGE_TOO_LARGE data'],
  ['another writer', says('PRODUCER_FENCED'), young, 'KAFKA_FENCED operator'],
  ['another writer, said otherwise', says('INVALID_PRODUCER_EPOCH'), young, 'KAFKA_FENCED operator'],
  ['our own transaction, too old', says('PRODUCER_FENCED'), old, 'KAFKA_TRANSACTION_EXPIRED transient'],
  ['transactions too long', says('INVALID_TRANSACTION_TIMEOUT'), young, 'KAFKA_TRANSACTION_TIMEOUT operator'],
  ['a mistake in our own code', new TypeError('x is not a function'), at, 'BUG bug'],
  ['something that is no error', 'thrown', at, 'BUG bug'],
]

test.each(CASES)('%s', (_title, error, asked, expected) => {
  const { code, kind } = kafkaError(error, asked as typeof at)
  expect(`${code} ${kind}`).toBe(expected)
})

test('what the client says as a sentence stands inside one', () => {
  expect(kafkaError(connecting('ECONNREFUSED'), at).message).toMatch(/: Connection to localhost:9092 failed; connect ECONNREFUSED\.$/)
})

test('of many attempts the one that says why decides, and no brace stays open', () => {
  const attempts = new MultipleErrors('produce failed 3 times.', [connecting('ECONNREFUSED'), says('TOPIC_AUTHORIZATION_FAILED')])
  const error = kafkaError(attempts, at)
  expect(error.code).toBe('KAFKA_FORBIDDEN')
  for (const [, each, asked] of CASES)
    expect(kafkaError(each, asked as typeof at).message.replaceAll(/\{(bytes|table|position)\}/g, '')).not.toMatch(/[{}]/)
})

test('what is an error of ours already stays it', () => {
  const error = new MillraceError('KAFKA_FENCED', { id: 'me', sink: 'kafka' })
  expect(kafkaError(error, at)).toBe(error)
})

function connectingAs(cause: Error): Error {
  return new NetworkError('Connection to localhost:9092 failed.', { cause })
}
