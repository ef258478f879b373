/** Runs the built command line as a user would, and says what it used. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Usage = { seconds: number; cpuSeconds: number; maxRssMb: number }

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const PRELOAD = fileURLToPath(new URL('./usage.mjs', import.meta.url))

/** A folder of its own for one run, removed with it. */
export function scratch(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Runs `millrace run -c` with this configuration to its end. */
export function run(folder: string, configuration: object, args: string[] = []): Promise<Usage> {
  return finish(() => start(folder, configuration, args))
}

/** The same for `millrace snapshot -c`. */
export function takeSnapshot(folder: string, configuration: object): Promise<Usage> {
  return finish(() => start(folder, configuration, [], 'snapshot'))
}

async function finish(begin: () => { child: ChildProcess; usageFile: string }): Promise<Usage> {
  const begun = performance.now()
  const { child, usageFile } = begin()
  const [code] = (await once(child, 'exit')) as [number]
  const seconds = (performance.now() - begun) / 1000
  if (code !== 0) throw new Error(`millrace ended with ${code}`)
  return { seconds, ...(JSON.parse(readFileSync(usageFile, 'utf8')) as { cpuSeconds: number; maxRssMb: number }) }
}

/** Starts it and leaves it running; its standard output is readable. */
export function start(folder: string, configuration: object, args: string[], command = 'run'): { child: ChildProcess; usageFile: string } {
  const file = join(folder, 'millrace.json')
  const usageFile = join(folder, 'usage.json')
  writeFileSync(file, JSON.stringify(configuration))
  return { child: startCli([command, '-c', file, '--quiet', ...args], usageFile), usageFile }
}

/** The command line as it was typed, its standard output readable. */
export function startCli(args: readonly string[], usageFile: string): ChildProcess {
  return spawn(process.execPath, ['--import', PRELOAD, CLI, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, BENCH_USAGE_FILE: usageFile },
  })
}
