/**
 * The blocks of the guides marked `run` do what their guide says, in its order: ```sh run``` in a folder of its own, ```sql run``` in a
 * database named shop. A block ```text output``` holds lines of what the block before it printed: any number may be
 * another one, and … is anything.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folderWith, ROOT } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres } from '../servers.ts'

const GUIDES = join(ROOT, 'docs/guides')
const guides = readdirSync(GUIDES).flatMap((name) => {
  const text = readFileSync(join(GUIDES, name), 'utf8')
  const blocks = [...text.matchAll(/^```(sh run|sql run|text output)\n([\s\S]*?)^```/gm)].map(([, kind = '', body = '']) => ({
    kind,
    body,
  }))
  return blocks.length > 0 ? [{ name, blocks }] : []
})

test('at least the first guide has blocks that are run', () => expect(guides.map(({ name }) => name)).toContain('first-pipeline.md'))

test.each(guides)(
  '$name: each block that is to be run succeeds and prints what the guide shows',
  { timeout: 180_000 },
  async ({ blocks }) => {
    await using server = await startPostgres(18)
    await server.query('CREATE DATABASE shop')
    const cwd = folderWith({})
    const run = shellIn(cwd, server.url('shop'))
    let printed = ''
    for (const { kind, body } of blocks) {
      if (kind === 'sql run') await server.query(body, [], 'shop')
      else if (kind === 'sh run') printed = run(body)
      else for (const line of body.split('\n').filter((text) => text.trim() !== '')) expect(printed).toMatch(patternOf(line))
    }
  },
)

/** `npx millrace` and `millrace` are this checkout's. */
function shellIn(cwd: string, url: string): (script: string) => string {
  const bin = join(cwd, '.bin')
  mkdirSync(bin)
  const start = `exec '${process.execPath}' '${join(ROOT, 'src/cli/millrace.ts')}' "$@"\n`
  const commands = { millrace: start, npx: `test "$1" = millrace && shift\nexport npm_command=exec\n${start}` }
  for (const [name, text] of Object.entries(commands)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}`)
    chmodSync(join(bin, name), 0o755)
  }
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, DATABASE_URL: url, NO_COLOR: '1', LOG_LEVEL: '' }
  return (script) => {
    const { status, stdout, stderr } = spawnSync('sh', ['-euc', script], { cwd, env, encoding: 'utf8' })
    expect(status, `${script}\n${stdout}\n${stderr}`).toBe(0)
    return stdout
  }
}

function patternOf(line: string): RegExp {
  const text = line.trim().replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')
  return new RegExp(text.replace(/\d+/g, '\\d+').replaceAll('…', '.*'))
}
