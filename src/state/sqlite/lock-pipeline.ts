import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError } from '../../errors/millrace-error.ts'
import { guarded } from './database.ts'

const WAIT_POLL_MS = 250
const SQLITE_BUSY = 5

/** `wait`: stand by until the other process is gone, instead of failing. */
export type LockOptions = { pipeline: string; wait?: boolean; signal?: AbortSignal }

/**
 * Holds the pipeline whose state lies at `path` against every other process until disposed.
 * The lock is an exclusive SQLite transaction on `<path>.lock`: a lock of the operating system on an open file,
 * released by it when we die in whatever way, so that a kill -9 leaves nothing to clean up and no lock can go stale.
 * `<path>.pid` only serves the other process's error message.
 */
export async function lockPipeline(path: string, options: LockOptions): Promise<AsyncDisposable> {
  for (;;) {
    options.signal?.throwIfAborted()
    const held = guarded(path, () => tryLock(`${path}.lock`))
    if (held !== null) return guarded(path, () => owned(held, `${path}.pid`))
    if (!options.wait) throw new MillraceError('PIPELINE_RUNNING', { pipeline: options.pipeline, pid: lockHolder(path) ?? 'unknown' })
    await delay(WAIT_POLL_MS, undefined, options.signal ? { signal: options.signal } : {})
  }
}

/** The process that runs the pipeline, as it wrote itself down; null where nobody holds the lock. */
export function lockHolder(path: string): number | null {
  const free = guarded(path, () => tryLock(`${path}.lock`))
  if (free !== null) {
    free.close()
    return null
  }
  try {
    return Number(readFileSync(`${path}.pid`, 'utf8')) || null
  } catch {
    return null
  }
}

function tryLock(lockPath: string): DatabaseSync | null {
  mkdirSync(dirname(lockPath), { recursive: true })
  // Whoever may open it may hold the pipeline up.
  closeSync(openSync(lockPath, 'a', 0o600))
  const database = new DatabaseSync(lockPath, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY) return null
    throw error
  }
}

function owned(held: DatabaseSync, pidPath: string): AsyncDisposable {
  writeFileSync(pidPath, String(process.pid), { mode: 0o600 })
  return {
    async [Symbol.asyncDispose]() {
      // Before the lock goes: after it, the file could already be the next holder's.
      rmSync(pidPath, { force: true })
      held.close()
    },
  }
}
