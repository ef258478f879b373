import { z } from 'zod'
import { formatSchema } from '../../lib/format-schema.ts'
import { durationSchema, sizeSchema } from '../../lib/unit-schemas.ts'
import { templateSchema } from '../../messages/template-schema.ts'

const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']).describe('How the client proves who it is.'),
    username: z.string().min(1).optional().describe('For plain and scram.'),
    password: z.string().min(1).optional().describe('For plain and scram; write ${env:NAME}.'),
    token: z.string().min(1).optional().describe('For oauthbearer: a token that does not change; write ${env:NAME}.'),
    oauth: z
      .strictObject({
        endpoint: z.url({ protocol: /^https?$/ }).describe('Where tokens are asked for, by the client credentials grant (RFC 6749, 4.4).'),
        clientId: z.string().min(1).describe('Who asks.'),
        clientSecret: z.string().min(1).describe('Its secret; write ${env:NAME}.'),
        scope: z.string().min(1).optional().describe('What the token is for, where the server wants to be told.'),
      })
      .optional()
      .describe('For oauthbearer: a server that gives tokens; asked anew for each connection.'),
  })
  .superRefine((value, context) => {
    const isOauth = value.mechanism === 'oauthbearer'
    if (isOauth && (value.token === undefined) === (value.oauth === undefined))
      context.addIssue({ code: 'custom', message: 'needs token or oauth for oauthbearer, one of them', path: ['token'] })
    if (!isOauth && (value.username === undefined || value.password === undefined))
      context.addIssue({ code: 'custom', message: `needs username and password for ${value.mechanism}`, path: ['username'] })
  })

const tls = z.strictObject({
  ca: z.string().min(1).optional().describe('Certificates of the authorities to trust, as PEM: `${file:ca.pem}`; left out, those of Node.'),
  certificate: z.string().min(1).optional().describe("The client's own certificate, as PEM, where the broker asks for one."),
  privateKey: z.string().min(1).optional().describe('Its key, as PEM: `${file:client.key}`.'),
  passphrase: z.string().min(1).optional().describe('What the key is locked with; write ${env:NAME}.'),
  serverName: z.string().min(1).optional().describe("The name that the broker's certificate must hold, where it is not its host's."),
  verify: z.boolean().default(true).describe("Whether the broker's certificate is checked; off, anybody on the way can read along."),
})

const created = z.strictObject({
  partitions: z.int().min(1).max(100_000).optional().describe("Of each topic made; left out, the broker's own default."),
  replication: z.int().min(1).max(100).optional().describe("Copies of each; left out, the broker's own default."),
  settings: z
    .record(z.string(), z.string())
    .default({})
    .describe('Settings of the topics, by the names that Kafka gives them: `{ "retention.ms": "604800000" }`.'),
})

export const config = z.strictObject({
  brokers: z.array(z.string().min(1)).min(1).describe('Where to find the cluster: `host:port` of some of its brokers.'),
  topic: templateSchema()
    .optional()
    .describe("The topic of each message; left out, what the format says, else `${schema}.${table}`. Names as Kafka's rules have them."),
  key: templateSchema()
    .optional()
    .describe("The key of each message, such as `${row.customer_id}`; left out, the format's, which is the table's key."),
  format: formatSchema(),
  delivery: z
    .enum(['exactly-once', 'at-least-once'])
    .default('exactly-once')
    .describe(
      'Exactly once by transactions that hold the position too: read with `isolation.level=read_committed`. At least once is faster to reach a reader; after a crash what came since the last checkpoint comes again.',
    ),
  compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('lz4').describe('How batches of messages are compressed.'),
  createTopics: z
    .union([z.boolean(), created])
    .default(true)
    .describe('Whether topics that are missing are made, and how: `{ partitions, replication, settings }`.'),
  maxBatchSize: sizeSchema({ min: '1kB', max: '1GB' })
    .prefault('900kB')
    .describe(
      "Messages are sent in batches of at most this size for each partition, before compression; a topic's own `max.message.bytes` lowers it.",
    ),
  transactionalId: z
    .string()
    .min(1)
    .optional()
    .describe('Who this writer is to the cluster: of two with one id the later stops the earlier. Left out, `millrace-<pipeline>-<sink>`.'),
  transactionTimeout: durationSchema({ min: '1s', max: '1d' })
    .prefault('1m')
    .describe(
      "A transaction that is open longer is undone by the broker: so long a dead writer may hold readers up. At most the broker's `transaction.max.timeout.ms`.",
    ),
  positionsTopic: z
    .string()
    .min(1)
    .default('millrace-positions')
    .describe('The compacted topic that holds how far each writer is; made where it is missing and `createTopics` is not off.'),
  sasl: sasl.optional().describe('How to log in; left out, not at all.'),
  tls: z
    .union([z.boolean(), tls])
    .default(false)
    .describe(
      'Whether connections are encrypted, and with which certificates: `{ ca, certificate, privateKey, passphrase, serverName, verify }`.',
    ),
})

export type KafkaConfig = z.output<typeof config>
