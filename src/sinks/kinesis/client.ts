import { createRequire } from 'node:module'
import type { KinesisClient, KinesisClientConfig } from '@aws-sdk/client-kinesis'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { KinesisConfig } from './config.ts'
import { kinesisError, refusalOf } from './errors.ts'
import type { KinesisRecord } from './records.ts'
import type { Refusals } from './sender.ts'

const VERSION = '3.1143.0'

/** A connection that says nothing for so long is given up. */
const ANSWER_MS = 30_000
const CONNECT_MS = 10_000
/** Of a stream that does not say: what each took before the limit could be raised. */
const USUAL_RECORD_BYTES = 1024 * 1024

export type KinesisSettings = Pick<KinesisConfig, 'stream' | 'region' | 'endpoint' | 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>

/** What the sink asks of the service, each call one request; throws errors of the table. */
export type Kinesis = Awaited<ReturnType<typeof openKinesis>>

/** The one file that knows the AWS SDK. Nothing is repeated by the SDK: what was sent and not answered is the sender's to send again. */
export async function openKinesis(settings: KinesisSettings, sink: string) {
  const sdk = await load(sink)
  const client: KinesisClient = new sdk.KinesisClient(clientConfig(settings))
  const { stream } = settings
  const target = stream.startsWith('arn:') ? { StreamARN: stream } : { StreamName: stream }
  const region = await client.config.region().catch(() => '')
  const at = { sink, stream, region }

  return {
    /** Whether it can be written to, and how large a record may be. A stream that is being split or merged takes records. */
    async describe(): Promise<{ maxRecordBytes: number }> {
      const answer = await asOurs(() => client.send(new sdk.DescribeStreamSummaryCommand(target)), { ...at, action: 'describe' })
      const { StreamStatus: status = 'unknown', MaxRecordSizeInKiB: limit } = answer.StreamDescriptionSummary ?? {}
      if (status !== 'ACTIVE' && status !== 'UPDATING') throw new MillraceError('SINK_STREAM_STATE', { sink, stream, region, status })
      return { maxRecordBytes: limit === undefined ? USUAL_RECORD_BYTES : limit * 1024 }
    },
    /** Bytes go as they are: the SDK writes them as base64, once. A record counts as stored where it was given a sequence number. */
    async put(records: readonly KinesisRecord[], signal: AbortSignal): Promise<Refusals> {
      const Records = records.map(({ partitionKey, data }) => ({ PartitionKey: partitionKey, Data: data }))
      const command = new sdk.PutRecordsCommand({ ...target, Records })
      const answer = await asOurs(() => client.send(command, { abortSignal: signal }), { ...at, action: 'write to' })
      return new Map(
        records.flatMap((_, index) => {
          const { SequenceNumber, ErrorCode = 'no answer for it' } = answer.Records?.[index] ?? {}
          return SequenceNumber ? [] : [[index, refusalOf(ErrorCode, at)] as const]
        }),
      )
    },
    close: () => client.destroy(),
  }
}

async function asOurs<T>(request: () => Promise<T>, at: Parameters<typeof kinesisError>[1]): Promise<T> {
  try {
    return await request()
  } catch (error) {
    throw kinesisError(error, at)
  }
}

function clientConfig(settings: KinesisSettings): KinesisClientConfig {
  const { endpoint, accessKeyId, secretAccessKey, sessionToken } = settings
  return {
    ...regionOf(settings),
    ...(endpoint !== undefined && { endpoint }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      }),
    maxAttempts: 1,
    requestHandler: createHandler(),
  }
}

/**
 * HTTP/1.1, as every service that speaks like Kinesis does. The SDK's own choice for Kinesis, HTTP/2, only AWS understands. The handler is
 * taken from where the SDK takes it, so that it is the SDK's version.
 */
export function createHandler(): NonNullable<KinesisClientConfig['requestHandler']> {
  const here = createRequire(import.meta.url)
  const { NodeHttpHandler } = createRequire(here.resolve('@aws-sdk/client-kinesis'))(
    '@smithy/node-http-handler',
  ) as typeof import('@smithy/node-http-handler') // a dependency of the SDK
  return new NodeHttpHandler({ connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true })
}

/** Left to the SDK's own chain where the environment or a profile may say it. */
function regionOf({ region, stream }: Pick<KinesisSettings, 'region' | 'stream'>): { region?: string } {
  const named = region ?? (stream.startsWith('arn:') ? stream.split(':')[3] : undefined)
  if (named !== undefined) return { region: named }
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE } = process.env
  if (AWS_REGION ?? AWS_PROFILE) return {}
  return { region: AWS_DEFAULT_REGION ?? 'us-east-1' }
}

async function load(sink: string): Promise<typeof import('@aws-sdk/client-kinesis')> {
  try {
    return await import('@aws-sdk/client-kinesis')
  } catch (error) {
    throw new MillraceError('SINK_CLIENT_MISSING', { sink, package: '@aws-sdk/client-kinesis', version: VERSION }, { cause: error })
  }
}
