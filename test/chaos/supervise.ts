import { spawn, type ChildProcess } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { rest } from '../model/random.ts'

/** One process of the pipeline, from its start to its end. */
export type Life = {
  startedMs: number
  endedMs: number | null
  code: number | null
  signal: NodeJS.Signals | null
  stdout: Buffer[]
  stderr: string
  /** What the state store said, when it began, that stdout holds: nothing from before may come again. */
  floor: string | null
  fault: string | null
}

export type Supervised = {
  lives: Life[]
  child(): ChildProcess | null
  /** The processes that follow get these as MILLRACE_FAULT, one each. */
  arm(faults: readonly string[]): void
  /** Ends the process for good; resolves when it is gone, with false where it had to be killed after `limitMs`. */
  stop(signal: NodeJS.Signals, limitMs: number): Promise<boolean>
  /** Runs one to its end beside the rule, once stopped: null where it took too long. */
  runOnce(args: readonly string[], limitMs: number): Promise<Life | null>
}

const MILLRACE = process.env.MILLRACE_BIN ?? join(import.meta.dirname, '..', '..', 'src', 'cli', 'millrace.ts')
const AGAIN_MS = 150

/** Keeps `millrace run` running as an init system would: whenever it ends, the next begins. */
export function supervise(cwd: string, sink: string): Supervised {
  const lives: Life[] = []
  let child: ChildProcess | null = null
  const armed: string[] = []
  let isStopping = false

  const start = (args: readonly string[], fault: string | null) => {
    const life: Life = {
      startedMs: Date.now(),
      endedMs: null,
      code: null,
      signal: null,
      stdout: [],
      stderr: '',
      floor: readFloor(cwd, sink),
      fault,
    }
    lives.push(life)
    const env = { ...process.env, NO_COLOR: '1', LOG_LEVEL: '', MILLRACE_FAULT: fault ?? '' }
    const started = spawn(process.execPath, [MILLRACE, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    started.stdout.on('data', (piece: Buffer) => life.stdout.push(piece))
    started.stderr.setEncoding('utf8').on('data', (text: string) => (life.stderr += text))
    const ended = new Promise<void>((resolve) =>
      started.on('close', (code, signal) => {
        Object.assign(life, { endedMs: Date.now(), code, signal })
        resolve()
      }),
    )
    child = started
    return { life, ended, process: started }
  }

  const keeping = (async () => {
    while (!isStopping) {
      await start(['run', '-c', 'chaos.yaml'], armed.shift() ?? null).ended
      child = null
      if (!isStopping) await rest(AGAIN_MS)
    }
  })()

  return {
    lives,
    child: () => child,
    arm: (faults) => void armed.push(...faults),
    async stop(signal, limitMs) {
      isStopping = true
      child?.kill('SIGCONT')
      child?.kill(signal)
      let isKilled = false
      const timer = setTimeout(() => (isKilled = child?.kill('SIGKILL') ?? false), limitMs)
      await keeping
      clearTimeout(timer)
      return !isKilled
    },
    async runOnce(args, limitMs) {
      const { life, ended, process: started } = start(args, null)
      const timer = setTimeout(() => started.kill('SIGKILL'), limitMs)
      await ended
      clearTimeout(timer)
      child = null
      return life.signal === 'SIGKILL' ? null : life
    },
  }
}

/** Read from a copy, so that the store itself is left as the crash left it. */
function readFloor(cwd: string, sink: string): string | null {
  if (!existsSync(join(cwd, 'state.db'))) return null
  const folder = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), 'floor-'))
  try {
    for (const name of ['state.db', 'state.db-wal']) if (existsSync(join(cwd, name))) copyFileSync(join(cwd, name), join(folder, name))
    const database = new DatabaseSync(join(folder, 'state.db'))
    try {
      const row = database.prepare('SELECT position FROM sinks WHERE name = ?').get(sink) as { position: string } | undefined
      return row?.position ?? null
    } finally {
      database.close()
    }
  } catch {
    return null // it has no tables yet
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
