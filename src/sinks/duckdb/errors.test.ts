import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { config } from './config.ts'
import { definition } from './definition.ts'
import { toSinkError } from './errors.ts'
import { changes, makeTable, openTestSink, signal, temporaryFolder } from './sink.fixture.ts'

const USERS = makeTable([['id', { kind: 'int32' }]])
const isRoot = process.getuid?.() === 0

test('a folder in place of the file is named', async () => {
  using folder = temporaryFolder()
  mkdirSync(join(folder.path, 'test.duckdb'))
  await using sink = openTestSink(folder.path)
  await expect(sink.resume()).rejects.toMatchObject({ code: 'SINK_PATH_IS_FOLDER', fields: { path: join(folder.path, 'test.duckdb') } })
})

test('a folder that does not exist is named', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path, { path: 'none/x.duckdb' })
  await expect(sink.resume()).rejects.toMatchObject({ code: 'SINK_PATH_MISSING' })
})

test.each(['', 'not a database', 'x'.repeat(20_000)])('a file that is no database is refused and left as it is', async (content) => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'test.duckdb'), content)
  await using sink = openTestSink(folder.path)
  await expect(sink.resume()).rejects.toMatchObject({ code: 'SINK_CORRUPT' })
  expect(readFileSync(join(folder.path, 'test.duckdb'), 'utf8')).toBe(content)
})

test('a damaged database is refused', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'test.duckdb')
  {
    await using sink = openTestSink(folder.path)
    await sink.write(changes(1, USERS, [{ op: 'insert', after: [1] }]), signal)
  }
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.fill(7, 4096, 12_288))
  await using sink = openTestSink(folder.path)
  await expect(sink.resume()).rejects.toMatchObject({ code: 'SINK_CORRUPT' })
})

test.skipIf(isRoot)('a folder without the right to write is named', async () => {
  using folder = temporaryFolder()
  mkdirSync(join(folder.path, 'closed'))
  chmodSync(join(folder.path, 'closed'), 0o500)
  await using sink = openTestSink(folder.path, { path: 'closed/x.duckdb' })
  await expect(sink.resume()).rejects.toMatchObject({ code: 'SINK_NOT_WRITABLE' })
  await expect(definition.check(config.parse({ path: 'closed/x.duckdb' }), { baseDir: folder.path, name: 'duckdb' })).rejects.toMatchObject(
    { code: 'SINK_NOT_WRITABLE' },
  )
})

test('a file that another process holds is refused, naming the process', async () => {
  using folder = temporaryFolder()
  const script = `require('@duckdb/node-api').DuckDBInstance.create(${JSON.stringify(join(folder.path, 'test.duckdb'))}).then(() => { console.log('open'); setInterval(() => {}, 1000) })`
  const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(holder.stdout, 'data')
    await using sink = openTestSink(folder.path)
    await expect(sink.resume()).rejects.toMatchObject({ code: 'SINK_LOCKED', message: expect.stringContaining(`process ${holder.pid}`) })
  } finally {
    holder.kill('SIGKILL')
    await once(holder, 'exit')
  }
})

test('two sinks of one process share a file without harm', async () => {
  using folder = temporaryFolder()
  await using one = openTestSink(folder.path)
  await using two = openTestSink(folder.path)
  await one.write(changes(1, USERS, [{ op: 'insert', after: [1] }]), signal)
  expect((await two.resume())?.position).toBe((await one.resume())?.position)
})

test.each([
  ['IO Error: Could not write all bytes to file "x": No space left on device', 'SINK_DISK_FULL'],
  ['IO Error: Cannot open file "/x": Permission denied', 'SINK_NOT_WRITABLE'],
  ['Out of Memory Error: failed to pin block of size 256.0 KiB (255.7 MiB/256.0 MiB used)', 'SINK_MEMORY'],
  ['Out of Memory Error: failed to offload data block: max_temp_directory_size was reached', 'SINK_DISK_FULL'],
  ['IO Error: Could not read from file', 'SINK_IO'],
  ['INTERNAL Error: whatever', 'BUG'],
])('%s is %s', (message, code) => {
  expect(toSinkError(new Error(message), { sink: 'duckdb', path: 'x' }).code).toBe(code)
})

test('a value that DuckDB quotes is not shown', () => {
  const error = toSinkError(new Error("Conversion Error: Could not convert string 'secret' to INT32\nLINE 1: secret"), {
    sink: 'duckdb',
    path: 'x',
  })
  expect(`${error.message} ${JSON.stringify(error.fields)}`).not.toContain('secret')
})
