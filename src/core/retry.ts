import type { MillraceError } from '../errors/millrace-error.ts'

const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 30_000
/** A server that is back is found soon: asking costs it one connection. */
const LONGEST_SOURCE_DELAY_MS = 5000

/** Exponential with full jitter: many pipelines that lost one server do not return to it in step. `attempt` counts from 0. */
export function retryDelayMs(attempt: number, random: number = Math.random(), part: string = ''): number {
  const longestMs = part === 'source' ? LONGEST_SOURCE_DELAY_MS : LONGEST_DELAY_MS
  return Math.round(Math.min(longestMs, FIRST_DELAY_MS * 2 ** Math.min(attempt, 20)) * random)
}

/** The first failures are everyday news, later ones ask for attention. */
export function retryLevel(attempt: number): 'info' | 'warn' | 'error' {
  if (attempt < 3) return 'info'
  return attempt < 8 ? 'warn' : 'error'
}

export type RetryFacts = {
  error: MillraceError
  /** Whether the source was reached at least once in this run. */
  hadSuccess: boolean
  /** Since the first failure in a row. */
  failingMs: number
}

const FIRST_CONNECT_MS = 10_000

/**
 * Transient errors are retried without end, but for the first connect: there the address is as likely wrong.
 */
export function shouldRetry({ error, hadSuccess, failingMs }: RetryFacts): boolean {
  if (error.kind !== 'transient') return false
  return hadSuccess || !error.code.startsWith('SOURCE_') || failingMs < FIRST_CONNECT_MS
}
