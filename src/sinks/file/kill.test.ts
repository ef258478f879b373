import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { SinkRecord } from '../../contracts/sink.ts'
import { positionAt } from '../../testing/fixtures.ts'
import { createMemorySinkState } from '../../testing/memory-sink-state.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { openFile } from './sink.ts'

const CHILD = fileURLToPath(new URL('../../../test/children/write-files.ts', import.meta.url))

test('ten kills -9 in the middle of writing leave every line once, in order and whole', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-kill-'))
  const [out, record] = [join(root, 'out'), join(root, 'record.json')]
  for (let kill = 0; kill < 10; kill++) await runAndKill([out, record], kill * 3)

  const saved = JSON.parse(await readFile(record, 'utf8')) as SinkRecord & { data: unknown }
  const state = createMemorySinkState()
  await state.save(saved)
  await using sink = openFile({ name: 'file', root: out, format: createPlainFormat(), rollSize: 1e6, rollAfterMs: 1e6, state })
  const held = await sink.resume()
  const count = Number.parseInt(held!.position, 16) / 256 - 1 // a record was saved above
  expect(count).toBeGreaterThan(100)
  for (const folder of ['public.users', 'public.others']) {
    const places = (await linesOf(join(out, folder))).map((line) => (JSON.parse(line) as string[])[1]?.split('/')[0])
    expect(places).toEqual(Array.from({ length: count }, (_, at) => positionAt(at + 1)))
  }
  await rm(root, { recursive: true })
})

/** Lets it write for a while that differs each time, and kills it between any two instructions. */
async function runAndKill(args: string[], delayMs: number): Promise<void> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  setTimeout(() => child.kill('SIGKILL'), delayMs)
  child.stdout.resume()
  await once(child, 'close')
}

async function linesOf(folder: string): Promise<string[]> {
  const texts = await Promise.all((await readdir(folder)).sort().map((file) => readFile(join(folder, file), 'utf8')))
  return texts.join('').split('\n').slice(0, -1)
}
