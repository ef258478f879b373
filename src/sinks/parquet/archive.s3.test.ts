import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startS3, type S3Server } from '../../../test/servers/s3.ts'
import type { ArchiveRows, Catalog } from '../../contracts/archive.ts'
import type { Column, Table } from '../../contracts/table.ts'
import { verifyArchives } from '../../core/archive-verify.ts'
import { openArchive } from './archive-open.ts'
import { config } from './config.ts'

let server: S3Server
let bucket: string
beforeAll(async () => {
  server = await startS3()
  bucket = await server.createBucket()
}, 900_000)
afterAll(() => server?.stop())

const nobody = new AbortController().signal
const log = { debug() {}, info() {}, warn() {}, error() {} }
const id = '0193aaaa-0000-7000-8000-000000000000'
const column: Column = { name: 'n', id: 1, type: { kind: 'int64' }, sourceType: 'bigint', typeOid: 20, typeModifier: -1, nullable: true }
const table: Table = { schema: 'public', name: 't', id: 1, version: 'v', columns: [column], key: [], identity: 'nothing' }

const open = (prefix: string) => {
  const settings = config.parse({ path: `s3://${bucket}/${prefix}`, ...server.settings, partSize: '5MB', rollSize: '5MB' })
  return openArchive(settings, { baseDir: '/', name: 'lake', log })
}

/** Numbers that do not compress. */
function rowsOf(count: number): ArchiveRows {
  const values = BigInt64Array.from({ length: count }, () => BigInt(Math.floor(Math.random() * 2 ** 53)) << 10n)
  return {
    table,
    rowCount: count,
    bytes: count * 8,
    rows: () => [],
    columns: () => ({ rowCount: count, vectors: [{ form: 'fixed', values, valid: null }] }),
  }
}

test('an archive in a bucket: parts and then the catalog, found and verified by any prefix above it', async () => {
  await using archive = await open('lake/here')
  const writer = await archive.begin(table, id)
  for (let round = 0; round < 4; round++) await writer.write(rowsOf(500_000), nobody)
  const files = await writer.finish()
  expect(files.length).toBeGreaterThan(1)
  const read = async (prefix: string) => {
    await using above = await open(prefix)
    return await verifyArchives(above, nobody)
  }
  const path = `s3://${bucket}/lake/here/public.t/${id}`
  expect(writer.path).toBe(path)
  expect((await read('lake')).archives).toMatchObject([
    { path, findings: [{ finding: expect.stringContaining('there is no catalog.json') }] },
  ])
  const catalog: Catalog = {
    id,
    start_time: new Date(0).toISOString(),
    end_time: new Date(0).toISOString(),
    source: 'public.t',
    num_source_records: 2_000_000,
    num_records_processed: 2_000_000,
    success: true,
    schema: writer.schema,
    files,
    position: null,
  }
  await writer.seal(catalog)
  for (const prefix of ['lake', 'lake/here', `lake/here/public.t/${id}`])
    expect(await read(prefix), prefix).toMatchObject({ ok: true, archives: [{ path, rows: 2_000_000, findings: [] }] })
  await writer.discard()
  expect((await read('lake')).archives).toEqual([])
})

test('what is discarded half-way leaves no object and no upload', async () => {
  await using archive = await open('gone')
  const writer = await archive.begin(table, id)
  for (let round = 0; round < 3; round++) await writer.write(rowsOf(700_000), nobody)
  await writer.discard()
  await using again = await open('gone')
  expect((await verifyArchives(again, nobody)).archives).toEqual([])
  const uploads = await server.client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'gone' }))
  expect(uploads.Uploads ?? []).toEqual([])
})
