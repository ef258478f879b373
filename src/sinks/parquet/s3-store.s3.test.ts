import { GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFaultProxy, type Fate } from '../../../test/servers/fault-proxy.ts'
import { startS3, type S3Server } from '../../../test/servers/s3.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'
import { openStore } from './open-store.ts'

let server: S3Server
let bucket: string
beforeAll(async () => {
  server = await startS3()
  bucket = await server.createBucket()
}, 900_000)
afterAll(() => server?.stop())

const MB = 1024 * 1024
const settingsAt = (prefix: string, more: object = {}) =>
  config.parse({ path: `s3://${bucket}/${prefix}`, ...server.settings, partSize: '5MB', ...more })
const open = (prefix: string, more: object = {}) => openStore(settingsAt(prefix, more), { name: 'lake', baseDir: '/', owner: 'test' })
const uploads = async (prefix: string) =>
  (await server.client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix }))).Uploads ?? []
const bytesOf = async (key: string) =>
  (await server.client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body?.transformToByteArray()

/** Runs with a proxy in front of the server. */
async function through<T>(fate: (request: string, count: number) => Fate, act: (endpoint: string) => Promise<T>): Promise<T> {
  const proxy = await startFaultProxy(fate, server.settings.endpoint)
  try {
    return await act(proxy.url)
  } finally {
    await proxy.stop()
  }
}

test('a small file is one object with what it says of itself, seen only once it is whole', async () => {
  await using store = await open('small')
  const file = store.create('t/a.parquet')
  await file.append([Buffer.from('some '), Buffer.from('bytes')])
  expect(await store.list('t')).toEqual([])
  await file.commit({ 'millrace-to': 'X' })
  expect([await store.list('t'), await store.folders('')]).toEqual([['a.parquet'], ['t']])
  const { Metadata } = await server.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'small/t/a.parquet' }))
  expect(Metadata).toMatchObject({ 'millrace-to': 'X' })
  await using read = await store.open('t/a.parquet')
  expect(Buffer.from(await read.slice(5, read.byteLength)).toString()).toBe('bytes')
})

test('a large file goes up in parts as it grows and never lies in memory as a whole', async () => {
  await using store = await open('large')
  const file = store.create('t/a.parquet')
  let most = 0
  for (let n = 0; n < 24; n++) {
    await file.append([Buffer.alloc(MB, n)])
    most = Math.max(most, file.heldBytes)
  }
  expect(most).toBeLessThanOrEqual(5 * MB)
  expect([await store.list('t'), (await uploads('large')).length]).toEqual([[], 1])
  await file.commit({})
  const bytes = Buffer.from((await bytesOf('large/t/a.parquet')) ?? [])
  expect(bytes.length).toBe(24 * MB)
  expect(Array.from({ length: 24 }, (_, n) => bytes[n * MB + 7])).toEqual(Array.from({ length: 24 }, (_, n) => n))
  expect(await uploads('large')).toEqual([])
})

test.each([1, 12])('the second of two that write one name of %i MB is told, and the object of the first stays', async (size) => {
  await using store = await open(`second-${size}`)
  const [one, other] = [store.create('t/a.parquet'), store.create('t/a.parquet')]
  await one.append([Buffer.alloc(size * MB, 1)])
  await other.append([Buffer.alloc(size * MB, 2)])
  await one.commit({})
  await expect(other.commit({})).rejects.toMatchObject({ code: 'SINK_SECOND_WRITER', kind: 'operator' })
  await other.abandon()
  expect((await bytesOf(`second-${size}/t/a.parquet`))?.[0]).toBe(1)
  expect(await uploads(`second-${size}`)).toEqual([])
})

test.each([
  ['put', 1],
  ['completion of an upload', 12],
])('a %s whose answer was lost is known as our own', async (_, size) => {
  let lost = 0
  const isLast = (request: string) => (size === 1 ? request.startsWith('PUT') : request.startsWith('POST') && request.includes('uploadId='))
  await through(
    (request) => (isLast(request) && lost++ === 0 ? 'lose' : 'pass'),
    async (endpoint) => {
      await using store = await open(`lost-${size}`, { endpoint })
      const file = store.create('t/a.parquet')
      await file.append([Buffer.alloc(size * MB, 3)])
      await file.commit({})
    },
  )
  expect(lost).toBeGreaterThan(0)
  expect((await bytesOf(`lost-${size}/t/a.parquet`))?.length).toBe(size * MB)
})

test('a connection cut in an upload is transient, leaves nothing to be seen, and its parts are aborted or swept', async () => {
  await through(
    (request, count) => (count > 2 && (request.includes('partNumber') || request.startsWith('DELETE')) ? 'cut' : 'pass'),
    async (endpoint) => {
      await using store = await open('cut', { endpoint })
      const file = store.create('t/a.parquet')
      await expect(file.append([Buffer.alloc(12 * MB)])).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE', kind: 'transient' })
      await file.abandon()
    },
  )
  await using store = await open('cut')
  expect([await store.list('t'), (await uploads('cut')).length]).toEqual([[], 1])
  await store.sweep('other')
  expect(await uploads('cut')).toHaveLength(1)
  await store.sweep('t')
  expect(await uploads('cut')).toEqual([])
})

test('moves and removes', async () => {
  await using store = await open('moved')
  const file = store.create('aside/a b.parquet')
  await file.append([Buffer.from('x')])
  await file.commit({})
  await store.move('aside/a b.parquet', 't/a b.parquet')
  expect([await store.list('aside'), await store.list('t')]).toEqual([[], ['a b.parquet']])
  await store.remove(['t/a b.parquet', 't/none.parquet'])
  expect(await store.list('t')).toEqual([])
})

test('check tells a bucket that is not there and a wrong secret, and leaves nothing behind', async () => {
  await definition.check(settingsAt('checked'), { name: 'lake', baseDir: '/' })
  await using store = await open('checked')
  expect([await store.list(''), await store.list('.millrace')]).toEqual([[], []])
  const missing = config.parse({ path: 's3://no-such-bucket/x', ...server.settings })
  await expect(definition.check(missing, { name: 'lake', baseDir: '/' })).rejects.toMatchObject({ code: 'SINK_BUCKET_MISSING' })
  const wrong = settingsAt('checked', { secretAccessKey: 'wrong-secret' })
  await expect(definition.check(wrong, { name: 'lake', baseDir: '/' })).rejects.toMatchObject({ code: 'SINK_CREDENTIALS' })
})
