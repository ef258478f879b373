/**
 * The one place that finds or starts real servers: Postgres 14 to 18 from npm packages, for tests, demo and benchmarks.
 * A server lives in a temporary folder of its own and is gone when `stop` resolves, or when the run's folder is swept.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

export type PostgresMajor = 14 | 15 | 16 | 17 | 18
export const POSTGRES_MAJORS: readonly PostgresMajor[] = [14, 15, 16, 17, 18]

export type PostgresServer = AsyncDisposable & {
  major: PostgresMajor
  port: number
  dataDir: string
  logFile: string
  /** The postmaster's process id, while it runs. */
  pid(): number | undefined
  /** A URL for the superuser `postgres`, to the database named. */
  url(database?: string): string
  /** A connected client; the caller ends it. */
  connect(database?: string): Promise<pg.Client>
  /** Makes an empty database with a name of its own and returns that name. */
  createDatabase(prefix?: string): Promise<string>
  /** Runs one statement as superuser. */
  query(sql: string, values?: unknown[], database?: string): Promise<pg.QueryResult>
  start(): Promise<void>
  /** `kill` crashes it (SIGKILL, immediate shutdown of all backends); `fast` is an orderly end. */
  halt(how?: 'fast' | 'immediate' | 'kill'): Promise<void>
  stop(): Promise<void>
}

/** The majors a run tests against: `MILLRACE_PG=14,18`, all of them in CI by `all`, by default 18 alone. */
export function testedMajors(fallback: readonly PostgresMajor[] = [18]): readonly PostgresMajor[] {
  const wanted = process.env.MILLRACE_PG
  if (!wanted) return fallback
  if (wanted === 'all') return POSTGRES_MAJORS
  return wanted.split(',').map((text) => Number(text) as PostgresMajor)
}

const SETTINGS = {
  wal_level: 'logical',
  fsync: 'off',
  max_wal_senders: '60',
  max_replication_slots: '60',
  max_connections: '200',
  max_prepared_transactions: '50',
  listen_addresses: "'127.0.0.1'",
  log_min_messages: 'warning',
}

/** Starts a server of its own; `settings` are lines of postgresql.conf. */
export async function startPostgres(major: PostgresMajor = 18, settings: Record<string, string> = {}): Promise<PostgresServer> {
  const native = nativeFolder(major)
  const root = mkdtempSync(join(runFolder(), `pg${major}-`))
  giveAway(root)
  const dataDir = join(root, 'data')
  cpSync(templateFolder(major, native), dataDir, { recursive: true })
  giveAwayAll(dataDir)
  chmodSync(dataDir, 0o700)
  return openServer({ major, native, root, dataDir, settings })
}

/** Kills every server that the run's folder knows and removes the folder. */
export function sweepServers(folder: string): void {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    const pidFile = join(folder, name, 'data', 'postmaster.pid')
    if (!existsSync(pidFile)) continue
    const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
    if (pid > 1) killQuietly(pid, 'SIGQUIT')
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

/** The folder of this run: one that the test runner made, or one of this process's own, removed at its exit. */
function runFolder(): string {
  const given = process.env.MILLRACE_TEST_DIR
  if (given) return given
  const own = mkdtempSync(join(tmpdir(), 'millrace-run-'))
  chmodSync(own, 0o755)
  process.env.MILLRACE_TEST_DIR = own
  process.once('exit', () => sweepServers(own))
  return own
}

async function openServer(at: {
  major: PostgresMajor
  native: string
  root: string
  dataDir: string
  settings: Record<string, string>
}): Promise<PostgresServer> {
  const { major, native, root, dataDir } = at
  const port = await freePort()
  const logFile = join(root, 'server.log')
  const lines = Object.entries({ ...SETTINGS, port: String(port), unix_socket_directories: `'${root}'`, ...at.settings })
  writeFileSync(join(dataDir, 'postgresql.auto.conf'), lines.map(([key, value]) => `${key} = ${value}\n`).join(''))
  giveAway(join(dataDir, 'postgresql.auto.conf'))
  let child: ChildProcess | undefined

  const url = (database = 'postgres') => `postgres://postgres@127.0.0.1:${port}/${encodeURIComponent(database)}`
  const connect = async (database = 'postgres') => {
    const client = new pg.Client({ connectionString: url(database) })
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const query = async (sql: string, values: unknown[] = [], database = 'postgres') => {
    const client = await connect(database)
    try {
      return await client.query(sql, values)
    } finally {
      await client.end()
    }
  }
  const start = async () => {
    const log = openSync(logFile, 'a')
    child = spawn(join(native, 'bin', 'postgres'), ['-D', dataDir], { stdio: ['ignore', log, log], ...otherUser() })
    child.unref()
    await until(async () => {
      if (child?.exitCode !== null && child?.exitCode !== undefined)
        throw new Error(`Postgres ${major} did not start:\n${readFileSync(logFile, 'utf8')}`)
      try {
        await (await connect()).end()
        return true
      } catch {
        return false
      }
    }, 30_000)
  }
  const halt = async (how: 'fast' | 'immediate' | 'kill' = 'fast') => {
    const running = child
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    // Started unreferenced, so that a forgotten server keeps no process alive; its end is worth waiting for.
    running.ref()
    const gone = new Promise<void>((resolve) => running.once('exit', () => resolve()))
    running.kill(how === 'fast' ? 'SIGINT' : how === 'immediate' ? 'SIGQUIT' : 'SIGKILL')
    await gone
    if (how === 'kill') await until(async () => !existsSync(join(dataDir, 'postmaster.pid')) || removeStalePid(dataDir), 10_000)
  }
  const stop = async () => {
    await halt('immediate')
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  let count = 0
  const createDatabase = async (prefix = 'test') => {
    const name = `${prefix}_${process.pid}_${++count}`
    await query(`CREATE DATABASE ${name}`)
    return name
  }
  await start()
  return {
    major,
    port,
    dataDir,
    logFile,
    pid: () => child?.pid,
    url,
    connect,
    createDatabase,
    query,
    start,
    halt,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** After SIGKILL of the postmaster its children notice within a moment and end; then the pid file is stale. */
function removeStalePid(dataDir: string): boolean {
  const socketFree = spawnSync('pgrep', ['-f', dataDir]).status !== 0
  if (socketFree) rmSync(join(dataDir, 'postmaster.pid'), { force: true })
  return socketFree
}

/** initdb once per major and machine; later servers copy its folder. */
function templateFolder(major: PostgresMajor, native: string): string {
  const cache = cacheFolder()
  const done = join(cache, `template-${major}`)
  if (existsSync(done)) return done
  const draft = mkdtempSync(join(cache, `draft-${major}-`))
  giveAway(draft)
  const made = spawnSync(
    join(native, 'bin', 'initdb'),
    ['-D', join(draft, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { encoding: 'utf8', ...otherUser() },
  )
  if (made.status !== 0) throw new Error(`initdb of Postgres ${major} failed: ${made.stderr || made.error?.message}`)
  try {
    renameSync(join(draft, 'data'), done)
  } catch (error) {
    if (!existsSync(done)) throw error
  }
  rmSync(draft, { recursive: true, force: true })
  return done
}

/** Where templates and copies of binaries are kept between runs, per user. */
function cacheFolder(): string {
  const folder = join(tmpdir(), `millrace-servers-${userInfo().uid}`)
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
  return folder
}

/** The package's binaries; a copy where the other user could not enter the checkout. */
function nativeFolder(major: PostgresMajor): string {
  const inPackage = fileURLToPath(new URL(`../node_modules/pg${major}/native`, import.meta.url))
  if (!existsSync(join(inPackage, 'bin', 'postgres'))) throw new Error(`Postgres ${major} is not installed: run npm ci`)
  hydrate(inPackage)
  if (process.getuid?.() !== 0 || enterable(inPackage)) return inPackage
  const copy = join(cacheFolder(), `native-${major}`)
  if (!existsSync(copy)) {
    const draft = mkdtempSync(join(cacheFolder(), `copy-${major}-`))
    cpSync(inPackage, draft, { recursive: true, verbatimSymlinks: true })
    chmodSync(draft, 0o755)
    try {
      renameSync(draft, copy)
    } catch (error) {
      if (!existsSync(copy)) throw error
    }
  }
  return copy
}

/** Makes the package's library links where install scripts were not run. */
function hydrate(native: string): void {
  const script = join(native, '..', 'scripts', 'hydrate-symlinks.js')
  const listed = join(native, 'pg-symlinks.json')
  if (!existsSync(script) || !existsSync(listed)) return
  const first = (JSON.parse(readFileSync(listed, 'utf8')) as { target?: string }[])[0]?.target
  if (first && existsSync(join(native, '..', first))) return
  spawnSync(process.execPath, [script], { cwd: join(native, '..') })
}

/** Whether every folder above may be entered by anybody. */
function enterable(folder: string): boolean {
  const probe = spawnSync('test', ['-x', join(folder, 'bin', 'postgres')], { ...otherUser() })
  if (probe.status !== 0) return false
  try {
    accessSync(dirname(folder), constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** Postgres refuses to run as root: then it runs as `postgres` or nobody. */
function otherUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const known = spawnSync('id', ['-u', 'postgres'], { encoding: 'utf8' })
  const uid = known.status === 0 ? Number(known.stdout) : 65534
  const group = spawnSync('id', ['-g', 'postgres'], { encoding: 'utf8' })
  return { uid, gid: group.status === 0 ? Number(group.stdout) : 65534 }
}

function giveAway(path: string): void {
  const { uid, gid } = otherUser()
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
}

function giveAwayAll(path: string): void {
  const { uid, gid } = otherUser()
  if (uid !== undefined) spawnSync('chown', ['-R', `${uid}:${gid}`, path])
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone already.
  }
}

/** Waits for a condition, asked every few milliseconds; throws past the bound. */
export async function until(condition: () => Promise<boolean> | boolean, timeoutMs = 30_000, what = 'the condition'): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what} did not come true within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
