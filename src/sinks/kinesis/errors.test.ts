import { expect, test } from 'vitest'
import { startKinesisFaults, type KinesisFate } from '../../../test/servers/kinesis-faults.ts'
import { openKinesis } from './client.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'

const SECRET = 'a-secret-that-nobody-may-see'
const VALUE = 'a-value-that-nobody-may-see'

const settingsFor = (endpoint: string) =>
  config.parse({ stream: 'shop', endpoint, region: 'eu-north-1', accessKeyId: 'key', secretAccessKey: SECRET })

/** What one PutRecords throws. */
async function refused(fate: KinesisFate): Promise<unknown> {
  const server = await startKinesisFaults(() => fate)
  const kinesis = await openKinesis(settingsFor(server.url), 'kinesis')
  try {
    const record = { partitionKey: VALUE, data: Buffer.from(VALUE), bytes: 1 }
    return await kinesis.put([record], AbortSignal.timeout(30_000)).then(
      () => null,
      (error: unknown) => error,
    )
  } finally {
    kinesis.close()
    await server.stop()
  }
}

test.each<[string, KinesisFate, string, string]>([
  ['no right', { refuse: 'AccessDeniedException', status: 400 }, 'SINK_STREAM_FORBIDDEN', 'operator'],
  ['403', { refuse: 'Whatever', status: 403 }, 'SINK_STREAM_FORBIDDEN', 'operator'],
  ['no right to the key', { refuse: 'KMSAccessDeniedException', status: 400 }, 'SINK_STREAM_FORBIDDEN', 'operator'],
  ['no such stream', { refuse: 'ResourceNotFoundException', status: 400 }, 'SINK_STREAM_MISSING', 'operator'],
  ['an unknown key', { refuse: 'UnrecognizedClientException', status: 400 }, 'SINK_CREDENTIALS', 'operator'],
  ['an expired token', { refuse: 'ExpiredTokenException', status: 400 }, 'SINK_CREDENTIALS', 'operator'],
  ['throttling', { refuse: 'ProvisionedThroughputExceededException', status: 400 }, 'SINK_STREAM_THROTTLED', 'transient'],
  ['throttling of the key', { refuse: 'KMSThrottlingException', status: 400 }, 'SINK_STREAM_THROTTLED', 'transient'],
  ['500', { refuse: 'InternalFailureException', status: 500 }, 'SINK_UNAVAILABLE', 'transient'],
  ['503', { refuse: 'ServiceUnavailable', status: 503 }, 'SINK_UNAVAILABLE', 'transient'],
  ['a cut connection', 'cut', 'SINK_UNAVAILABLE', 'transient'],
  [
    'a request that is wrong, told with a value of it',
    { refuse: 'ValidationException', status: 400, message: `Value '${VALUE}' at 'records.1.member.partitionKey' failed` },
    'SINK_STREAM_REFUSED',
    'operator',
  ],
])('%s', async (_, fate, code, kind) => {
  const error = (await refused(fate)) as Error & { hint: string }
  expect(error).toMatchObject({ code, kind })
  expect(error.message).toContain('shop')
  const told = JSON.stringify(error, Object.getOwnPropertyNames(error)) + error.message
  expect(told).not.toContain(SECRET)
  expect(told).not.toContain(VALUE)
})

test('a clock that is wrong is told as such, and it is tried again', async () => {
  const date = new Date(Date.now() + 3_600_000).toUTCString()
  const skewed: KinesisFate = { refuse: 'InvalidSignatureException', status: 400, message: 'Signature expired', headers: { date } }
  expect(await refused(skewed)).toMatchObject({ code: 'SINK_CLOCK', kind: 'transient' })
})

test('nobody at the address is an unavailable service', async () => {
  const gone = await startKinesisFaults(() => 'cut')
  await gone.stop()
  await expect(definition.check(settingsFor(gone.url), { name: 'kinesis', baseDir: '/' })).rejects.toMatchObject({
    code: 'SINK_UNAVAILABLE',
  })
})

test('without credentials anywhere it says which are looked for', async () => {
  const before = { ...process.env }
  const nowhere = { HOME: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere', AWS_CONFIG_FILE: '/nowhere' }
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', ...nowhere })
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE']) delete process.env[name]
  try {
    const settings = config.parse({ stream: 'shop', endpoint: 'http://127.0.0.1:1' })
    await expect(definition.check(settings, { name: 'kinesis', baseDir: '/' })).rejects.toMatchObject({ code: 'SINK_CREDENTIALS' })
  } finally {
    process.env = before
  }
})

test('an answer that says nothing of a record stored nothing', async () => {
  const Records = [{ ErrorCode: 'InternalFailure' }, { SequenceNumber: '1', ShardId: 'shardId-000000000000' }]
  const server = await startKinesisFaults(() => ({ answer: JSON.stringify({ FailedRecordCount: 0, Records }) }))
  const kinesis = await openKinesis(settingsFor(server.url), 'kinesis')
  const records = ['a', 'b', 'c'].map((partitionKey) => ({ partitionKey, data: Buffer.from('{}'), bytes: 3 }))
  const refusals = await kinesis.put(records, AbortSignal.timeout(30_000))
  kinesis.close()
  await server.stop()
  expect([...refusals.keys()]).toEqual([0, 2])
})

test.each<[string, string, string | undefined]>([
  ['ACTIVE', 'UPDATING', undefined],
  ['CREATING', 'DELETING', 'SINK_STREAM_STATE'],
])('a stream that is %s or %s', async (one, other, code) => {
  for (const StreamStatus of [one, other]) {
    const text = { StreamDescriptionSummary: { StreamStatus, MaxRecordSizeInKiB: 2048 } }
    const server = await startKinesisFaults(() => ({ answer: JSON.stringify(text) }))
    const kinesis = await openKinesis(settingsFor(server.url), 'kinesis')
    const described = await kinesis.describe().catch((error: unknown) => error)
    expect(described).toMatchObject(code === undefined ? { maxRecordBytes: 2 * 1024 * 1024 } : { code, kind: 'transient' })
    kinesis.close()
    await server.stop()
  }
})
