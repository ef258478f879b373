import type { ErrorCode } from '../../errors/table.ts'
import { MillraceError, type ErrorFields } from '../../errors/millrace-error.ts'

/** What was asked for, for people (`send messages`), and of a transaction how long it has been open. */
export type Asked = {
  sink: string
  brokers: string
  what: string
  topic?: string | undefined
  transaction?: { id: string; ageMs: number; timeoutMs: number } | undefined
}

/** Any failure of the client library as an error of the table. Total: a broker's answer that is not known is tried again from the last checkpoint. */
export function kafkaError(error: unknown, asked: Asked): MillraceError {
  if (error instanceof MillraceError) return error
  const leaves = [...leavesOf(error)]
  const reason = [...new Set(leaves.map(reasonOf))].slice(0, 3).join('; ')
  const { transaction, ...place } = asked
  const fields: ErrorFields = { topic: '', ...withoutUndefined(place), reason, ...transaction }
  return new MillraceError(codeOf(leaves, asked), fields, { cause: error })
}

/** Whether the broker says so itself, anywhere in what went wrong. */
export function saysKafka(error: unknown, apiId: string): boolean {
  return [...leavesOf(error)].some((leaf) => leaf.apiId === apiId)
}

/** The client forgets the broker's own word for it. */
export function isUnknownTopic(error: unknown): boolean {
  return [...leavesOf(error)].some((leaf) => leaf.apiId === 'UNKNOWN_TOPIC_OR_PARTITION' || leaf.message.startsWith('Unknown topic '))
}

/** Whether asking again may help, as the client knows of each of the brokers' answers. */
export function isRetriable(error: unknown): boolean {
  return [...leavesOf(error)].every((leaf) => leaf.canRetry !== false)
}

/** What the client's errors have, all of it at times. */
type Leaf = { message: string; apiId?: string; code?: string; canRetry?: boolean }

/** Errors come in bundles, one for each attempt, and with causes of their own. */
function* leavesOf(error: unknown): Generator<Leaf> {
  if (!(error instanceof Error)) return yield { message: String(error) }
  const parts: unknown = (error as { errors?: unknown }).errors
  if (Array.isArray(parts) && parts.length > 0) for (const part of parts) yield* leavesOf(part)
  else yield error
  if (error.cause !== undefined) yield* leavesOf(error.cause)
}

function reasonOf({ apiId, message, code }: Leaf): string {
  // It stands inside a sentence.
  return apiId ?? (message.replace(/\.$/, '') || (code ?? 'no reason given'))
}

/** First match wins: the broker's word for it, or the code or message of the client or of Node. */
const RULES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^(MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE)$/, 'KAFKA_MESSAGE_TOO_LARGE'],
  [/^INVALID_TRANSACTION_TIMEOUT$/, 'KAFKA_TRANSACTION_TIMEOUT'],
  [/^(PLT_KFK_AUTHENTICATION|SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE)$/, 'KAFKA_LOGIN'],
  [/_AUTHORIZATION_FAILED$/, 'KAFKA_FORBIDDEN'],
  [/^(INVALID_TOPIC_EXCEPTION|INVALID_REPLICATION_FACTOR|INVALID_PARTITIONS|INVALID_CONFIG|POLICY_VIOLATION)$/, 'KAFKA_TOPIC_REFUSED'],
  [/^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)|requires TLS|TLS handshake/, 'KAFKA_TLS'],
  [/^(UNSUPPORTED_VERSION|UNSUPPORTED_COMPRESSION_TYPE|INVALID_RECORD|PLT_KFK_UNSUPPORTED.*)$/, 'KAFKA_REFUSED'],
]

/** Another owner of the id, and our own transaction that was open for too long, get the same answer. */
const FENCED = /^(PRODUCER_FENCED|INVALID_PRODUCER_EPOCH|INVALID_PRODUCER_ID_MAPPING|TRANSACTION_COORDINATOR_FENCED)$/

function codeOf(leaves: readonly Leaf[], { transaction }: Asked): ErrorCode {
  const says = (pattern: RegExp) =>
    leaves.some(({ apiId, code, message }) => [apiId, code, message].some((text) => text !== undefined && pattern.test(text)))
  if (transaction && says(FENCED)) return transaction.ageMs >= transaction.timeoutMs ? 'KAFKA_TRANSACTION_EXPIRED' : 'KAFKA_FENCED'
  const known = RULES.find(([pattern]) => says(pattern))?.[1]
  if (known) return known
  if (leaves.some(({ apiId }) => apiId !== undefined) || leaves.some(isUnknown)) return 'KAFKA_UNREADY'
  return says(/^(PLT_KFK_NETWORK|PLT_KFK_TIMEOUT|E[A-Z_]+)$/) ? 'KAFKA_UNREACHABLE' : 'BUG'
}

function isUnknown({ message }: Leaf): boolean {
  return message.startsWith('Unknown topic ')
}

function withoutUndefined(fields: Omit<Asked, 'transaction'>): ErrorFields {
  const { topic, ...rest } = fields
  return topic === undefined ? rest : { ...rest, topic }
}
