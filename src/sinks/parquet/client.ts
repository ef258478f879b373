import { setTimeout as delay } from 'node:timers/promises'
import type { ListObjectsV2CommandOutput, S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { ParquetConfig } from './config.ts'
import { isFolderRace, s3Error } from './s3-errors.ts'

const VERSION = '3.1169.0'

/** A connection that says nothing for so long is given up. */
const ANSWER_MS = 60_000
const CONNECT_MS = 10_000
/** Of one request, in all. */
const ATTEMPTS = 3
const FOLDER_RACE_MS = 50

export type S3Settings = Pick<ParquetConfig, 'region' | 'endpoint' | 'pathStyle' | 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>
export type S3Place = { sink: string; bucket: string }

/** What the store asks of S3, each call one request; throws errors of the table. */
export type S3 = Awaited<ReturnType<typeof openS3>>

/**
 * The one file that knows the AWS SDK, loaded when a sink writes to S3.
 *
 * The SDK repeats a request twice where the server or the way to it failed. Each is safe to repeat: a part is replaced by itself,
 * and what is written only where it is absent is told from another's by `isOwn` of the store.
 */
export async function openS3(settings: S3Settings, { sink, bucket }: S3Place) {
  const sdk = await load(sink)
  const client: S3Client = new sdk.S3Client(clientConfig(settings))
  const region = await client.config.region().catch(() => '')

  async function send<T>(action: string, key: string, request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request()
      } catch (error) {
        if (!isFolderRace(error) || attempt === ATTEMPTS) throw s3Error(error, { sink, path: `s3://${bucket}/${key}`, action, region })
      }
      await delay(FOLDER_RACE_MS * attempt)
    }
  }

  return {
    /** `ifAbsent`: NameTaken where an object of the name is there. */
    put: (
      key: string,
      body: Uint8Array,
      { metadata = {}, ifAbsent = false }: { metadata?: Record<string, string>; ifAbsent?: boolean } = {},
    ) =>
      send('write', key, () =>
        client.send(
          new sdk.PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: body,
            ContentType: 'application/vnd.apache.parquet',
            Metadata: metadata,
            ...(ifAbsent && { IfNoneMatch: '*' }),
          }),
        ),
      ),
    beginUpload: (key: string, metadata: Record<string, string>) =>
      send('write', key, async () => {
        const answer = await client.send(
          new sdk.CreateMultipartUploadCommand({
            Bucket: bucket,
            Key: key,
            Metadata: metadata,
            ChecksumAlgorithm: 'CRC32',
            ContentType: 'application/vnd.apache.parquet',
          }),
        )
        return answer.UploadId ?? ''
      }),
    uploadPart: (key: string, part: { uploadId: string; number: number; body: Uint8Array }) =>
      send('write', key, async () => {
        const command = new sdk.UploadPartCommand({
          Bucket: bucket,
          Key: key,
          UploadId: part.uploadId,
          PartNumber: part.number,
          Body: part.body,
          ChecksumAlgorithm: 'CRC32',
        })
        const { $metadata: _, ...facts } = await client.send(command)
        return { PartNumber: part.number, ETag: facts.ETag, ChecksumCRC32: facts.ChecksumCRC32 }
      }),
    completeUpload: (key: string, uploadId: string, parts: readonly UploadedPart[]) =>
      send('write', key, () =>
        client.send(
          new sdk.CompleteMultipartUploadCommand({
            Bucket: bucket,
            Key: key,
            UploadId: uploadId,
            IfNoneMatch: '*',
            MultipartUpload: { Parts: [...parts] },
          }),
        ),
      ),
    abortUpload: (key: string, uploadId: string) =>
      send('write', key, () => client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }))),
    listUploads: (prefix: string) =>
      send('list', prefix, async () => {
        const found: { key: string; uploadId: string }[] = []
        for await (const page of uploadPages(prefix)) found.push(...page)
        return found
      }),
    /** One page after the other; folders end in `/`. */
    list: (prefix: string, after?: string) => send('list', prefix, () => listAll(prefix, after)),
    /** Null where there is no such object. */
    head: async (key: string) => {
      try {
        const { ContentLength, Metadata } = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }))
        return { byteLength: ContentLength ?? 0, metadata: Metadata ?? {} }
      } catch (error) {
        if (error instanceof Error && error.name === 'NotFound') return null
        throw s3Error(error, { sink, path: `s3://${bucket}/${key}`, action: 'read', region })
      }
    },
    get: (key: string, start: number, end: number) =>
      send('read', key, async () => {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=${start}-${end - 1}` }))
        return (await Body?.transformToByteArray()) ?? new Uint8Array()
      }),
    copy: (from: string, to: string) =>
      send('write', to, () =>
        client.send(new sdk.CopyObjectCommand({ Bucket: bucket, Key: to, CopySource: encodeURIComponent(`${bucket}/${from}`) })),
      ),
    remove: (key: string) => send('remove', key, () => client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }))),
    close: () => client.destroy(),
  }

  async function* uploadPages(prefix: string) {
    for (let keyMarker: string | undefined, uploadIdMarker: string | undefined; ;) {
      const page = await client.send(
        new sdk.ListMultipartUploadsCommand({
          Bucket: bucket,
          Prefix: prefix,
          ...(keyMarker !== undefined && { KeyMarker: keyMarker }),
          ...(uploadIdMarker !== undefined && { UploadIdMarker: uploadIdMarker }),
        }),
      )
      yield (page.Uploads ?? []).map(({ Key = '', UploadId = '' }) => ({ key: Key, uploadId: UploadId }))
      if (!page.IsTruncated || page.NextKeyMarker === undefined) return
      keyMarker = page.NextKeyMarker
      uploadIdMarker = page.NextUploadIdMarker
    }
  }

  async function listAll(prefix: string, after = ''): Promise<{ files: string[]; folders: string[] }> {
    const found = { files: [] as string[], folders: [] as string[] }
    let token: string | undefined
    do {
      const page: ListObjectsV2CommandOutput = await client.send(
        new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          Delimiter: '/',
          ...(after !== '' && { StartAfter: after }),
          ...(token !== undefined && { ContinuationToken: token }),
        }),
      )
      found.files.push(...(page.Contents ?? []).map(({ Key = '' }) => Key))
      found.folders.push(...(page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix))
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
    return found
  }
}

export type UploadedPart = { PartNumber: number; ETag: string | undefined; ChecksumCRC32: string | undefined }

function clientConfig(settings: S3Settings): S3ClientConfig {
  const { region, endpoint, pathStyle, accessKeyId, secretAccessKey, sessionToken } = settings
  const isElsewhere = endpoint !== undefined || process.env.AWS_ENDPOINT_URL_S3 !== undefined || process.env.AWS_ENDPOINT_URL !== undefined
  return {
    // Stores that are not AWS take any region; AWS says which one it is where this is wrong.
    ...regionOf(region),
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: pathStyle ?? isElsewhere,
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      }),
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
  }
}

/** Left to the SDK's own chain where the environment or a profile may say it. */
function regionOf(region: string | undefined): { region?: string } {
  if (region !== undefined) return { region }
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE } = process.env
  if (AWS_REGION ?? AWS_PROFILE) return {}
  return { region: AWS_DEFAULT_REGION ?? 'us-east-1' }
}

async function load(sink: string): Promise<typeof import('@aws-sdk/client-s3')> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (error) {
    throw new MillraceError('SINK_CLIENT_MISSING', { sink, package: '@aws-sdk/client-s3', version: VERSION }, { cause: error })
  }
}
