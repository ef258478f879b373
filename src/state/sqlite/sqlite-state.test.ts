import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockHolder, lockPipeline } from './lock-pipeline.ts'
import { openSqliteState } from './state-store.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-state-'))
  path = join(folder, 'deep', 'shop.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = () => openSqliteState(path, { pipeline: 'shop' })

test('remembers facts across openings, in a file only its owner reads', async () => {
  {
    await using state = await open()
    await state.set({ system: '42', 'plans/public.users': { chunks: 3 }, 'plans/public.orders': null })
  }
  await using state = await open()
  expect(await state.get('system')).toBe('42')
  expect(await state.get('plans/public.users')).toEqual({ chunks: 3 })
  expect(await state.get('missing')).toBeNull()
  expect(await state.keys('plans/')).toEqual(['plans/public.orders', 'plans/public.users'])
  await state.delete('system')
  expect(await state.get('system')).toBeNull()
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('keeps a sink’s checkpoint, chunks and data together, and lets the end of a generation replace its chunks', async () => {
  await using state = await open()
  const sink = state.sink('lake')
  expect(await sink.load()).toBeNull()
  await sink.save({ position: '01', carry: 'a', chunks: ['public.users/7/0', 'public.users/7/1', 'public.usersx/7/0'], data: { bytes: 5 } })
  await sink.save({ position: '02', carry: '', chunks: ['public.users/7/end'], data: null })
  expect(await sink.load()).toEqual({ position: '02', carry: '', chunks: ['public.users/7/end', 'public.usersx/7/0'], data: null })
  expect(await state.sink('other').load()).toBeNull()
  await state.forgetSink('lake')
  expect(await sink.load()).toBeNull()
})

test('refuses a corrupt file, a path it cannot write and another pipeline’s state', async () => {
  mkdirSync(join(folder, 'deep'))
  writeFileSync(path, 'not a database at all, but long enough to look at. '.repeat(100))
  await expect(open()).rejects.toMatchObject({ code: 'STATE_CORRUPT' })
  rmSync(path)
  mkdirSync(path)
  await expect(open()).rejects.toMatchObject({ code: 'STATE_UNWRITABLE' })
  rmSync(path, { recursive: true })
  await (await open())[Symbol.asyncDispose]()
  await expect(openSqliteState(path, { pipeline: 'other' })).rejects.toMatchObject({
    code: 'STATE_OTHER_PIPELINE',
    fields: { found: 'shop' },
  })
  writeFileSync(join(folder, 'file'), '')
  await expect(openSqliteState(join(folder, 'file', 'x.db'), { pipeline: 'shop' })).rejects.toMatchObject({ code: 'STATE_UNWRITABLE' })
})

test('answers requests between two connections, and gives up after the time asked', async () => {
  await using running = await open()
  await using asking = await open()
  expect(await running.requests()).toEqual([])
  const answer = asking.ask('status', { verbose: true }, 10_000)
  let request
  while (request === undefined) request = (await running.requests())[0]
  expect(request).toMatchObject({ kind: 'status', args: { verbose: true } })
  await running.answer(request.id, { lag: 0 })
  expect(await answer).toEqual({ lag: 0 })
  expect(await asking.ask('status', null, 1)).toBeNull()
  expect(await running.requests()).toEqual([])
})

test('lets one holder in, and the next when the first is killed', async () => {
  mkdirSync(join(folder, 'deep'))
  const held = await lockPipeline(path, { pipeline: 'shop' })
  await expect(lockPipeline(path, { pipeline: 'shop' })).rejects.toMatchObject({ code: 'PIPELINE_RUNNING', fields: { pid: process.pid } })
  expect(lockHolder(path)).toBe(process.pid)
  await held[Symbol.asyncDispose]()
  expect(lockHolder(path)).toBeNull()

  const code = `import { lockPipeline } from ${JSON.stringify(join(import.meta.dirname, 'lock-pipeline.ts'))}
    globalThis.held = await lockPipeline(${JSON.stringify(path)}, { pipeline: 'shop' }); console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn('node_modules/.bin/node', ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await expect(lockPipeline(path, { pipeline: 'shop' })).rejects.toMatchObject({ code: 'PIPELINE_RUNNING', fields: { pid: child.pid } })
  const waiting = lockPipeline(path, { pipeline: 'shop', wait: true })
  child.kill('SIGKILL')
  await using _ = await waiting
  expect(existsSync(`${path}.pid`)).toBe(true)
})
