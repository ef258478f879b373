/** What the servers of the tests are made from, kept between runs outside the checkout. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * The path of what `make` left at the path given to it: made once, kept under `name`. Two that start at once both make it, each in a
 * folder of its own, and whoever is first has it kept: nobody ever sees half of it.
 */
export async function installOnce(name: string, make: (path: string, folder: string) => Promise<void>): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'millrace-test')
  const kept = join(cache, name)
  if (existsSync(kept)) return kept
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'making-'))
  try {
    await make(join(folder, name), folder)
    renameSync(join(folder, name), kept)
  } catch (error) {
    if (!existsSync(kept)) throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return kept
}

/** What a tool printed; what it said where it fails. It is waited for without holding up the process. */
export async function runTool(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 })).stdout
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string } // of execFile
    throw new Error(`${command} ${args.join(' ')} failed: ${stderr || stdout || message}`, { cause: error })
  }
}
