import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeTable, openTestSink, readAll, temporaryFolder } from './sink.fixture.ts'

const USERS = makeTable([
  ['id', { kind: 'int32' }],
  ['counter', { kind: 'int32' }],
])

/** Runs the writer until it reported `batches` more, then kills it at once: somewhere inside the next write. */
async function writeAndKill(folder: string, batches: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash.fixture.ts'), folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(child, 'exit')
  let seen = 0
  let last = 0
  for await (const text of child.stdout.setEncoding('utf8')) {
    const lines = String(text).trim().split('\n')
    last = Number(lines.at(-1))
    seen += lines.length
    if (seen >= batches) break
  }
  child.kill('SIGKILL')
  await exit
  return last
}

test('after kill -9 in the middle of writing, rows are what the position says, and nothing reported is lost', async () => {
  using folder = temporaryFolder()
  for (const batches of [1, 7, 3, 12, 5]) {
    const reported = await writeAndKill(folder.path, batches)
    await using sink = openTestSink(folder.path)
    const position = Number.parseInt((await sink.resume())?.position ?? '0', 16)
    expect(position).toBeGreaterThanOrEqual(reported)
    const found = (await readAll(sink, USERS)).sort((a, b) => Number(a[0]) - Number(b[0]))
    expect(found).toEqual(Array.from({ length: position }, (_, id) => [id + 1, position]))
  }
})
