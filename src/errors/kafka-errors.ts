import type { ErrorEntry } from './error-entry.ts'

/** The kafka sink. */
export const KAFKA_ERRORS = {
  KAFKA_UNREACHABLE: {
    kind: 'transient',
    message: 'The sink {sink} cannot reach Kafka at {brokers}: {reason}.',
    hint: 'Nothing is needed where it passes: it is tried again from the last checkpoint. If it stays, see to `brokers`, the network and what the brokers call themselves (`advertised.listeners`).',
  },
  KAFKA_UNREADY: {
    kind: 'transient',
    message: 'Kafka at {brokers} did not do what the sink {sink} asked for ({what}): {reason}.',
    hint: 'Nothing is needed where it passes: it is tried again from the last checkpoint. If it stays, see `kafka-topics.sh --bootstrap-server BROKER --describe --unavailable-partitions`.',
  },
  KAFKA_LOGIN: {
    kind: 'operator',
    message: 'Kafka at {brokers} refuses the login of the sink {sink}: {reason}.',
    hint: 'Correct `sasl` of the sink: the mechanism must be one of the listener, and username and password (or token) known there.',
  },
  KAFKA_TLS: {
    kind: 'operator',
    message: 'The encrypted connection of the sink {sink} to Kafka at {brokers} cannot be made: {reason}.',
    hint: 'Set `tls` of the sink: `ca` to the authority of the brokers, `certificate` and `privateKey` where they ask for one; see `openssl s_client -connect BROKER`.',
  },
  KAFKA_FORBIDDEN: {
    kind: 'operator',
    message: 'Kafka at {brokers} does not allow the sink {sink} to {what}: {reason}.',
    hint: 'Allow it (`kafka-acls.sh --add --allow-principal USER`): Write, Create and DescribeConfigs on its topics; for exactly-once also Read on `positionsTopic` and Write on `transactionalId`.',
  },
  KAFKA_TOPIC_MISSING: {
    kind: 'operator',
    message: 'The sink {sink} should write to the topic {topic}, which does not exist.',
    hint: 'Make it (`kafka-topics.sh --bootstrap-server BROKER --create --topic {topic}{settings}`), or set `createTopics` of the sink.',
  },
  KAFKA_TOPIC_REFUSED: {
    kind: 'operator',
    message: 'Kafka at {brokers} does not make the topic {topic} for the sink {sink}: {reason}.',
    hint: 'Correct `topic`, or `partitions`, `replication` and `settings` in `createTopics` of the sink.',
  },
  KAFKA_MESSAGE_TOO_LARGE: {
    kind: 'data',
    message: 'A message of the sink {sink} has {bytes} bytes, more than the topic {topic} takes: {table} at {position}.',
    hint: "Raise the topic's limit (`kafka-configs.sh --bootstrap-server BROKER --alter --topic {topic} --add-config max.message.bytes=…`), then `millrace dlq retry --all`; or leave the column out by `source.columns`.",
  },
  KAFKA_FENCED: {
    kind: 'operator',
    message: 'Another writer with the id {id} took the place of the sink {sink}.',
    hint: 'Stop the other one, or give one of them another `transactionalId`; then run again: it goes on after what was committed.',
  },
  KAFKA_TRANSACTION_EXPIRED: {
    kind: 'transient',
    message: 'A transaction of the sink {sink} was open for longer than {timeoutMs} ms, and the broker undid it.',
    hint: 'Nothing is needed: it is written again. If it comes again, raise `transactionTimeout` of the sink.',
  },
  KAFKA_TRANSACTION_TIMEOUT: {
    kind: 'operator',
    message: 'Kafka at {brokers} takes no transactions as long as {timeoutMs} ms, which the sink {sink} asks for.',
    hint: "Lower `transactionTimeout` of the sink, or raise the brokers' `transaction.max.timeout.ms`.",
  },
  KAFKA_REFUSED: {
    kind: 'operator',
    message: 'Kafka at {brokers} refuses what the sink {sink} gives it ({what}): {reason}.',
    hint: 'A compacted topic takes messages with keys only; else see to the version of the brokers and to the settings of the topic.',
  },
  KAFKA_POSITIONS: {
    kind: 'operator',
    message: 'The topic {topic} does not hold what the sink {sink} wrote there: {reason}.',
    hint: 'Only Millrace may write to it, and it must be compacted (`kafka-configs.sh --bootstrap-server BROKER --alter --topic {topic} --add-config cleanup.policy=compact`), never cut by time or size. Restore it, or name another `positionsTopic` and run `millrace run --repair`.',
  },
} as const satisfies Record<string, ErrorEntry>
