import { spawnSync } from 'node:child_process'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rest } from '../model/random.ts'
import type { PostgresServer } from '../servers.ts'
import type { TcpProxy } from '../servers/tcp-proxy.ts'
import type { Fault, Scenario, TimedFault } from './scenario.ts'
import type { Supervised } from './supervise.ts'

export type Turn = <T>(act: () => Promise<T>) => Promise<T>

/** A process that has not started by then has reasons: it is not waited for any longer. */
const STARTED_MS = 6000
/** Nor is one that does not come to the place where it is to end. */
const REACHED_MS = 4000
/** What has not had its turn so long after the end is left out: on a busy machine all takes longer, and the writers go on meanwhile. */
const LATE_MS = 4000

type OfLife = Extract<Fault, { afterMs: number | null }>

/** What faults act on. */
export type Scene = {
  server: PostgresServer
  database: string
  proxy: TcpProxy
  pipeline: Supervised
  cwd: string
  /** How long the receiver of requests takes for its answers. */
  http: { slowMs: number }
  /** One at a time of what stops the server or fills the disk. */
  turn: Turn
  /** And of what ends the process, or holds it. */
  lifeTurn: Turn
}

/** Does each fault at its time; resolves when the last is over and everything is as it was. */
export async function injectAll(scene: Scene, { faults, lastsMs }: Scenario): Promise<void> {
  const begunMs = Date.now()
  const until = (atMs: number) => rest(Math.max(0, begunMs + atMs - Date.now()))
  const isLate = () => Date.now() > begunMs + lastsMs + LATE_MS
  const under = faults.map(async ({ atMs, fault }: TimedFault) => {
    await until(atMs)
    await inject(scene, fault, isLate)
  })
  await Promise.all([...under, until(lastsMs)])
  scene.proxy.set({ mode: 'pass', delayMs: 0, bytesPerSecond: 0 })
  scene.proxy.resetAfter(Infinity)
  scene.http.slowMs = 0
  scene.pipeline.child()?.stdout?.resume()
  // A held connection that is let go after so long is dead to one of its ends.
  scene.proxy.reset()
}

type Of<K extends Fault['kind'], F extends Fault = Fault> = F extends unknown ? (K extends F['kind'] ? F : never) : never

/** What is done to everything but the process. */
const ACTS: { [K in Exclude<Fault['kind'], OfLife['kind']>]: (scene: Scene, fault: Of<K>) => Promise<unknown> } = {
  postgres: ({ server, turn }, { how, ms }) =>
    turn(async () => {
      await server.halt(how)
      await rest(ms)
      await server.start()
    }),
  'walsender-ended': ({ server }) =>
    quietly(server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = $1', ['walsender'])),
  'walsender-killed': ({ server, turn }) => turn(() => killWalsender(server)),
  cut: async ({ proxy }) => proxy.reset(),
  'reset-after': async ({ proxy }, { bytes }) => proxy.resetAfter(bytes),
  async refused({ proxy }, { ms }) {
    proxy.set({ mode: 'refuse' })
    proxy.reset()
    await rest(ms)
    proxy.set({ mode: 'pass' })
  },
  async 'half-open'({ proxy }, { ms }) {
    proxy.set({ mode: 'hold' })
    await rest(ms)
    proxy.reset()
    proxy.set({ mode: 'pass' })
  },
  async delayed({ proxy }, { ms, delayMs }) {
    proxy.set({ delayMs })
    await rest(ms)
    proxy.set({ delayMs: 0 })
  },
  async throttled({ proxy }, { ms, bytesPerSecond }) {
    proxy.set({ bytesPerSecond })
    await rest(ms)
    proxy.set({ bytesPerSecond: 0 })
  },
  async 'slow-stdout'({ pipeline }, { ms }) {
    const stdout = pipeline.child()?.stdout
    stdout?.pause()
    await rest(ms)
    stdout?.resume()
  },
  async 'slow-http'({ http }, { ms }) {
    http.slowMs = 400
    await rest(ms)
    http.slowMs = 0
  },
  'disk-full': (scene, { ms }) => scene.turn(() => fillDisk(scene, ms)),
  'read-only': (scene, { ms }) => scene.turn(() => lockDisk(scene, ms)),
}

async function inject(scene: Scene, fault: Fault, isLate: () => boolean): Promise<void> {
  if ('afterMs' in fault) return void (await scene.lifeTurn(async () => isLate() || strike(scene, fault, isLate)))
  const act = ACTS[fault.kind] as (scene: Scene, fault: Fault) => Promise<unknown> // the one of its kind
  await act(scene, fault)
}

/** What ends the process or holds it, once it has done something. */
async function strike({ pipeline }: Scene, fault: OfLife, isLate: () => boolean): Promise<void> {
  if (fault.afterMs !== null) {
    const life = () => pipeline.lives.at(-1)
    await soon(() => life()?.endedMs === null && life()?.stderr.includes('"started"') === true, STARTED_MS)
    await rest(fault.afterMs)
  }
  const child = pipeline.child()
  if (fault.kind === 'terminate') child?.kill('SIGTERM')
  else if (fault.kind === 'frozen') {
    child?.kill('SIGSTOP')
    await rest(fault.ms)
    child?.kill('SIGCONT')
  } else {
    if (fault.kind === 'points') pipeline.arm(fault.points)
    child?.kill('SIGKILL')
  }
  if (fault.kind !== 'points') return
  for (const point of fault.points) {
    if (isLate()) return
    await soon(() => pipeline.lives.at(-1)?.fault === point, STARTED_MS)
    const life = pipeline.lives.at(-1)
    await soon(() => life?.endedMs !== null, STARTED_MS + REACHED_MS)
    if (life?.endedMs === null) pipeline.child()?.kill('SIGKILL')
  }
}

async function soon(condition: () => boolean, limitMs: number): Promise<void> {
  for (const endMs = Date.now() + limitMs; !condition() && Date.now() < endMs;) await rest(10)
}

/** Postgres takes the death of one of its own as a crash: it ends all of them, and recovers. */
async function killWalsender(server: PostgresServer): Promise<void> {
  const found = await quietly(server.query('SELECT pid FROM pg_stat_activity WHERE backend_type = $1', ['walsender']))
  for (const { pid } of (found?.rows ?? []) as { pid: number }[]) process.kill(pid, 'SIGKILL')
}

/** To the last byte: what is freed meanwhile is taken too. */
async function fillDisk({ cwd }: Scene, ms: number): Promise<void> {
  const ballast = join(cwd, 'ballast')
  for (const endMs = Date.now() + ms; Date.now() < endMs; await rest(20)) {
    for (const bytes of [1 << 22, 1 << 16, 1 << 12]) while (isWritten(ballast, bytes));
  }
  rmSync(ballast, { force: true })
}

function isWritten(path: string, bytes: number): boolean {
  try {
    appendFileSync(path, Buffer.alloc(bytes))
    return true
  } catch {
    return false
  }
}

/** Only while nobody has a file open can a disk become read-only. */
async function lockDisk({ cwd, pipeline }: Scene, ms: number): Promise<void> {
  const remount = (how: string) => spawnSync('mount', ['-o', `remount,${how}`, cwd]).status === 0
  for (let tries = 0; tries < 50; tries++) {
    pipeline.child()?.kill('SIGKILL')
    await rest(10)
    if (remount('ro')) break
  }
  await rest(ms)
  if (!remount('rw')) throw new Error('the disk stayed read-only')
  writeFileSync(join(cwd, 'probe'), '')
  rmSync(join(cwd, 'probe'))
}

async function quietly<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise
  } catch {
    return null // the server may be away just now
  }
}
