import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const BIN = join(import.meta.dirname, 'millrace.ts')

export type Finished = { code: number | null; stdout: string; stderr: string }
type Options = { cwd?: string; env?: Record<string, string>; node?: string; bin?: string; uid?: number | undefined }

/** Runs the command line as a child to its end, as a user would. */
export function millrace(args: readonly string[], options: Options = {}): Promise<Finished> {
  return startMillrace(args, options).finished
}

/** The same, still running. */
export function startMillrace(args: readonly string[], options: Options = {}) {
  const child = spawn(options.node ?? process.execPath, [options.bin ?? BIN, ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, NO_COLOR: '1', LOG_LEVEL: '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...output }))
  })
  return { child, output, finished }
}

/** A folder of its own, with these files. */
export function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), 'cli-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** The checkout's root. */
export const ROOT = dirname(dirname(import.meta.dirname))
