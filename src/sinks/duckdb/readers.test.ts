import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { changes, makeTable, openTestSink, readAll, signal, temporaryFolder } from './sink.fixture.ts'

const USERS = makeTable([
  ['id', { kind: 'int32' }],
  ['name', { kind: 'text', name: 'text' }],
])

/** Another process: tries to open the file to read it until it has done so `times`; says what it counted each time. */
const READER = `
const { DuckDBInstance } = require('@duckdb/node-api')
const [path, times] = process.argv.slice(1)
async function read() {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  const result = await connection.runAndReadAll('SELECT count(*) FROM public.users')
  connection.closeSync()
  instance.closeSync()
  console.log(Number(result.getRows()[0][0]))
}
async function main() {
  for (let done = 0; done < Number(times); ) {
    try { await read(); done++ } catch (error) { if (!/lock/.test(error.message)) throw error }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
main()`

async function readElsewhere(folder: string, times: number): Promise<number[]> {
  const child = spawn(process.execPath, ['-e', READER, join(folder, 'test.duckdb'), String(times)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  await once(child, 'close')
  clearTimeout(timer)
  return text.trim().split('\n').filter(Boolean).map(Number)
}

const insert = (id: number) => changes(id * 10, USERS, [{ op: 'insert', after: [id, 'n'] }])

test('with closeBetweenFlushes another process reads what was written, and writing goes on after it', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path, { closeBetweenFlushes: true })
  for (const id of [1, 2]) {
    expect(await sink.write(insert(id), signal)).toBe('durable')
    expect(await readElsewhere(folder.path, 1)).toEqual([id])
  }
  expect(await readAll(sink, USERS)).toHaveLength(2)
  expect(await readElsewhere(folder.path, 1)).toEqual([2])
}, 60_000)

test('under steady load the file is let go again and again', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path, { closeBetweenFlushes: true })
  await sink.write(insert(1), signal)
  const reading = readElsewhere(folder.path, 4)
  const over = reading.then(() => true)
  let id = 1
  do await sink.write(insert(++id), signal)
  while (!(await Promise.race([over, new Promise<false>((resolve) => setImmediate(resolve, false))])))
  const counts = await reading
  expect(counts).toHaveLength(4)
  expect(counts.at(-1)).toBeGreaterThan(counts[0] ?? 0)
  expect(await readAll(sink, USERS)).toHaveLength(id)
}, 60_000)

test('without it the file is held', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  await sink.write(insert(1), signal)
  const reader = spawn(
    process.execPath,
    ['-e', READER.replace('if (!/lock/.test(error.message)) throw error', 'return console.log(-1)'), join(folder.path, 'test.duckdb'), '1'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  reader.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  await once(reader, 'close')
  expect(text).toBe('-1\n')
})
