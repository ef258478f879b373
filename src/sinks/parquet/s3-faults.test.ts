import { expect, test } from 'vitest'
import { startFaultProxy, type Fate } from '../../../test/servers/fault-proxy.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'
import { openStore } from './open-store.ts'

const SECRET = 'a-secret-that-nobody-may-see'

async function refused(fate: Fate | (() => Fate)): Promise<unknown> {
  const server = await startFaultProxy(typeof fate === 'function' ? fate : () => fate)
  const settings = config.parse({
    path: 's3://lake/raw',
    endpoint: server.url,
    region: 'eu-north-1',
    accessKeyId: 'key',
    secretAccessKey: SECRET,
  })
  try {
    const store = await openStore(settings, { name: 'lake', baseDir: '/', owner: 'test' })
    const file = store.create('public.users/changes/a.parquet')
    await file.append([Buffer.from('some bytes')])
    return await file.commit({}).then(
      () => null,
      (error: unknown) => error,
    )
  } finally {
    await server.stop()
  }
}

test.each<[string, Fate, string, string]>([
  ['403', { refuse: 'AccessDenied', status: 403 }, 'SINK_FORBIDDEN', 'operator'],
  ['a missing bucket', { refuse: 'NoSuchBucket', status: 404 }, 'SINK_BUCKET_MISSING', 'operator'],
  ['a wrong region', { refuse: 'PermanentRedirect', status: 301 }, 'SINK_REGION', 'operator'],
  ['a region that the signature names wrongly', { refuse: 'AuthorizationHeaderMalformed', status: 400 }, 'SINK_REGION', 'operator'],
  ['an unknown key', { refuse: 'InvalidAccessKeyId', status: 403 }, 'SINK_CREDENTIALS', 'operator'],
  ['a wrong secret', { refuse: 'SignatureDoesNotMatch', status: 403 }, 'SINK_CREDENTIALS', 'operator'],
  ['an expired token', { refuse: 'ExpiredToken', status: 400 }, 'SINK_CREDENTIALS', 'operator'],
  ['clocks apart', { refuse: 'RequestTimeTooSkewed', status: 403 }, 'SINK_CLOCK', 'transient'],
  ['500', { refuse: 'InternalError', status: 500 }, 'SINK_UNAVAILABLE', 'transient'],
  ['a store that asks to slow down', { refuse: 'SlowDown', status: 503 }, 'SINK_UNAVAILABLE', 'transient'],
  ['a cut connection', 'cut', 'SINK_UNAVAILABLE', 'transient'],
  ['a folder that goes while a file is put into it', { refuse: 'ExistingObjectIsDirectory', status: 409 }, 'SINK_UNAVAILABLE', 'transient'],
  ['a store without conditional writes', { refuse: 'NotImplemented', status: 400 }, 'SINK_STORE_REFUSED', 'operator'],
  ['a name that is taken', { refuse: 'PreconditionFailed', status: 412 }, 'SINK_SECOND_WRITER', 'operator'],
])('%s', async (_, fate, code, kind) => {
  const error = (await refused(fate)) as Error & { hint: string }
  expect(error).toMatchObject({ code, kind })
  expect(`${error.message} ${error.hint}`).toContain('s3://lake/raw')
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + error.message).not.toContain(SECRET)
})

test('a folder that went while a file was put into it is asked for again, and then the rest counts', async () => {
  const fates: Fate[] = [
    { refuse: 'ExistingObjectIsDirectory', status: 409 },
    { refuse: 'AccessDenied', status: 403 },
  ]
  expect(await refused(() => fates.shift() ?? 'cut')).toMatchObject({ code: 'SINK_FORBIDDEN' })
})

test('nobody at the address is an unavailable store', async () => {
  const gone = await startFaultProxy(() => 'cut')
  await gone.stop()
  const settings = config.parse({ path: 's3://lake', endpoint: gone.url, accessKeyId: 'key', secretAccessKey: SECRET })
  await expect(definition.check(settings, { name: 'lake', baseDir: '/' })).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
})

test('without credentials anywhere it says which are looked for', async () => {
  const settings = config.parse({ path: 's3://lake', endpoint: 'http://127.0.0.1:1' })
  const before = { ...process.env }
  Object.assign(process.env, {
    AWS_EC2_METADATA_DISABLED: 'true',
    HOME: '/nowhere',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
    AWS_CONFIG_FILE: '/nowhere',
  })
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE']) delete process.env[name]
  try {
    await expect(definition.check(settings, { name: 'lake', baseDir: '/' })).rejects.toMatchObject({ code: 'SINK_CREDENTIALS' })
  } finally {
    process.env = before
  }
})
