import type { Terminal } from './terminal.ts'

const CODES = { SIGINT: 130, SIGTERM: 143 } as const

export type CaughtSignals = {
  /** Aborted by the first signal. */
  drain: AbortSignal
  /** Aborted by the second. */
  abort: AbortSignal
  /** Of a drain that was cut short. */
  exitCode(): number
  release(): void
}

/**
 * The first SIGINT or SIGTERM asks for a drain, the second ends the process at once: what was not durable is read
 * again by the next run, as after any crash. `told` says what the first one does.
 */
export function catchSignals(terminal: Terminal, told = 'Finishing: what was taken is made durable.'): CaughtSignals {
  const drain = new AbortController()
  const abort = new AbortController()
  let code = 1
  const onSignal = (signal: NodeJS.Signals) => {
    code = CODES[signal as keyof typeof CODES] // only these two are listened for
    if (drain.signal.aborted) {
      terminal.live('')
      abort.abort()
      process.exit(code)
    }
    terminal.say(`${told} A second signal ends at once.`)
    drain.abort()
  }
  for (const signal of Object.keys(CODES)) process.on(signal, onSignal)
  return {
    drain: drain.signal,
    abort: abort.signal,
    exitCode: () => code,
    release(): void {
      for (const signal of Object.keys(CODES)) process.off(signal, onSignal)
    },
  }
}
