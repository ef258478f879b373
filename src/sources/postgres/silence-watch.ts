/** Finds connections that are dead without a word (a cut cable, a host that vanished). */
export type SilenceWatch = {
  start(): void
  heard(): void
  /** While we do not read, silence means nothing. */
  setListening(isListening: boolean): void
  stop(): void
}

const TICKS = 20

/**
 * Counts ticks of its own timer, not the clock: a process that was suspended, or busy for a minute, hears what waits in
 * its socket before the next tick.
 */
export function createSilenceWatch(silenceMs: number, on: { ask(): void; dead(seconds: number): void }): SilenceWatch {
  let silentTicks = 0
  let isListening = true
  let timer: NodeJS.Timeout | null = null

  const tick = () => {
    if (!isListening) return
    silentTicks++
    if (silentTicks >= TICKS) on.dead(Math.round(silenceMs / 1000))
    else if (silentTicks >= TICKS / 2) on.ask()
  }
  return {
    start: () => {
      timer = setInterval(tick, silenceMs / TICKS)
    },
    heard: () => {
      silentTicks = 0
    },
    setListening: (value) => {
      isListening = value
      silentTicks = 0
    },
    stop: () => {
      if (timer) clearInterval(timer)
      timer = null
    },
  }
}
