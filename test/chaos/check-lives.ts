import type { Scenario } from './scenario.ts'
import type { Life } from './supervise.ts'

/** Errors with which a process may end while the disk is full or read-only. */
const OF_DISK = /\bSINK_|\bSTATE_|"SQLITE|EROFS|ENOSPC/
/** And before it has reached the source for the first time: it waits 10 s, and no longer. */
const OF_SOURCE = /SOURCE_(UNREACHABLE|LOST|STARTING|BUSY)/

/** A process may end because it was killed, or told to; by itself only for what was done to it. */
export function checkLives(lives: readonly Life[], { faults }: Scenario): string[] {
  const hasDisk = faults.some(({ fault }) => fault.kind === 'disk-full' || fault.kind === 'read-only')
  return lives.flatMap(({ code, signal, stderr, fault }) => {
    if (signal !== null || code === 0) return []
    const ending = stderr.trimEnd().split('\n').slice(-6).join('\n')
    if (fault?.endsWith(':throw') && ending.includes('MILLRACE_FAULT')) return []
    if (hasDisk && OF_DISK.test(ending)) return []
    if (OF_SOURCE.test(ending)) return []
    return [`a process ended by itself with ${code}:\n${ending}`]
  })
}
