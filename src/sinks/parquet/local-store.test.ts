import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLocalStore, fileSystem, type FileSystem } from './local-store.ts'

let root: string
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'millrace-store-'))))
afterEach(() => rmSync(root, { recursive: true, force: true }))

const open = (fs: Partial<FileSystem> = {}, at = root) =>
  createLocalStore({ sink: 'lake', root: at, owner: 'shop.lake', fs: { ...fileSystem, ...fs } })
const all = () => readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []))
const failing =
  (code: string, syscall = 'write') =>
  async () => {
    throw Object.assign(new Error(code), { code, syscall })
  }

test('a file has its name only when it is whole, and nothing else is left', async () => {
  const store = open()
  const file = store.create('public.users/changes/a.parquet')
  await file.append([Buffer.alloc(300_000, 'a')])
  await file.append([Buffer.from('end')])
  expect(await store.list('public.users/changes')).toEqual([])
  await file.commit({})
  expect(await store.list('public.users/changes')).toEqual(['a.parquet'])
  expect(readFileSync(join(root, 'public.users/changes/a.parquet'), 'utf8')).toBe(`${'a'.repeat(300_000)}end`)
  expect(all()).toEqual(['a.parquet'])
})

test('the second of two that write one name is told, and the file of the first stays', async () => {
  const store = open()
  const [one, other] = [store.create('t/a.parquet'), store.create('t/a.parquet')]
  await one.append([Buffer.from('one')])
  await other.append([Buffer.from('other')])
  await one.commit({})
  await expect(other.commit({})).rejects.toMatchObject({ code: 'SINK_SECOND_WRITER', fields: { sink: 'lake' } })
  await other.abandon()
  expect(readFileSync(join(root, 't/a.parquet'), 'utf8')).toBe('one')
  expect(all()).toEqual(['a.parquet'])
})

test('what an earlier life left unfinished is swept once, and of nobody else', async () => {
  await open()
    .create('t/a.parquet')
    .append([Buffer.alloc(300_000)])
  const stranger = createLocalStore({ sink: 'lake', root, owner: 'other.lake' })
  await stranger.create('t/b.parquet').append([Buffer.alloc(300_000)])
  expect(all()).toHaveLength(2)
  const store = open()
  await store.sweep('t')
  expect(all()).toHaveLength(1)
  await store.create('t/c.parquet').append([Buffer.alloc(300_000)])
  await store.sweep('other')
  expect(all()).toHaveLength(2)
})

test.each([
  ['ENOSPC', 'SINK_DISK_FULL', 'transient'],
  ['EDQUOT', 'SINK_DISK_FULL', 'transient'],
  ['EROFS', 'SINK_NOT_WRITABLE', 'operator'],
  ['EACCES', 'SINK_NOT_WRITABLE', 'operator'],
  ['EIO', 'SINK_IO', 'transient'],
])('%s is %s', async (code, expected, kind) => {
  const file = open({ open: failing(code) as never }).create('t/a.parquet')
  await file.append([Buffer.from('x')])
  await expect(file.commit({})).rejects.toMatchObject({ code: expected, kind })
  expect(all()).toEqual([])
})

test('a disk that is full half-way leaves nothing that looks like a file', async () => {
  let left = 2
  const filling = (async (...args: Parameters<typeof fileSystem.open>) => {
    const handle = await fileSystem.open(...args)
    const write = handle.writeFile.bind(handle)
    handle.writeFile = (async (data: Uint8Array) => (left-- > 0 ? write(data) : failing('ENOSPC')())) as never
    return handle
  }) as typeof fileSystem.open
  const file = open({ open: filling }).create('t/a.parquet')
  await file.append([Buffer.alloc(300_000)])
  await file.append([Buffer.alloc(300_000)])
  await expect(file.append([Buffer.alloc(300_000)])).rejects.toMatchObject({ code: 'SINK_DISK_FULL' })
  await file.abandon()
  expect(all()).toEqual([])
})

test('a file system without hard links is named as such', async () => {
  const file = open({ link: failing('EPERM', 'link') as never }).create('t/a.parquet')
  await expect(file.commit({})).rejects.toMatchObject({ code: 'SINK_NOT_WRITABLE', fields: { reason: 'EPERM (no hard links there)' } })
})

test('a path that is a file is refused, by check too, which leaves nothing behind', async () => {
  writeFileSync(join(root, 'file'), '')
  const at = join(root, 'file')
  await expect(open({}, at).check()).rejects.toMatchObject({ code: 'SINK_PATH_IS_FILE' })
  await expect(open({}, at).create('t/a.parquet').commit({})).rejects.toMatchObject({ code: 'SINK_PATH_IS_FILE' })
  await open({}, join(root, 'new', 'lake')).check()
  mkdirSync(join(root, 'old'))
  await open({}, join(root, 'old')).check()
  expect(readdirSync(root).sort()).toEqual(['file', 'old'])
})

test('lists what sorts after a name, in the order of the names', async () => {
  mkdirSync(join(root, 't'))
  for (const name of ['b', 'a', 'C', 'd']) writeFileSync(join(root, 't', name), '')
  expect(await open().list('t')).toEqual(['C', 'a', 'b', 'd'])
  expect(await open().list('t', 'a')).toEqual(['b', 'd'])
  expect([await open().list('nowhere'), await open().folders('')]).toEqual([[], ['t']])
})
