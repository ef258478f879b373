import { setTimeout as pause } from 'node:timers/promises'

/** Without work for this long, the file is closed. */
const IDLE_MS = 100
/** Under load it is closed after this long, or a few times what closing and opening cost, but this often at least. */
const OPEN_MS = 250
const OPEN_LONGEST_MS = 1000
const COST_FACTOR = 4
/** It stays closed for so long: a reader comes when it likes, and finds no door that is open for an instant only. */
const CLOSED_MS = 50

/** An open file, for as long as somebody uses it. */
export type FileLease<T> = {
  use<R>(act: (file: T) => Promise<R>, signal?: AbortSignal): Promise<R>
  /** As `use`, for who cannot be a function: each call asks for one of `giveBack`. */
  take(signal?: AbortSignal): Promise<T>
  giveBack(): Promise<void>
  end(): Promise<void>
}

/**
 * Opens at the first use. `isShared`: lets go between uses, that other processes may open it too; never within one, so what
 * they read is what one transaction left. Opening is what waits for them.
 */
export function createFileLease<T>(options: {
  isShared: boolean
  open(signal: AbortSignal): Promise<T>
  close(file: T): Promise<void>
}): FileLease<T> {
  /** Ends what waits for the file. */
  let over = new AbortController()
  let file: Promise<T> | null = null
  let users = 0
  let openedMs = 0
  let costMs = 0
  let timer: NodeJS.Timeout | undefined
  let closing: Promise<void> | null = null

  async function open(signal?: AbortSignal): Promise<T> {
    const ended = over.signal
    while (closing) await closing
    ended.throwIfAborted()
    const startedMs = performance.now()
    const opened = await options.open(signal ? AbortSignal.any([signal, ended]) : ended)
    openedMs = performance.now()
    costMs += openedMs - startedMs
    return opened
  }

  async function take(signal?: AbortSignal): Promise<T> {
    clearTimeout(timer)
    users++
    try {
      return await (file ??= open(signal))
    } catch (error) {
      users--
      file = null
      throw error
    }
  }

  async function giveBack(): Promise<void> {
    users--
    if (users > 0 || !options.isShared) return
    const longestMs = Math.min(OPEN_LONGEST_MS, Math.max(OPEN_MS, COST_FACTOR * costMs))
    if (performance.now() - openedMs >= longestMs) return letGo()
    clearTimeout(timer)
    timer = setTimeout(() => void letGo(), IDLE_MS)
  }

  /** Resolves once it is closed; the next to open it waits longer. */
  async function letGo(): Promise<void> {
    const held = file
    if (held === null) return
    file = null
    const closed = close(held)
    const gone = options.isShared ? closed.then(() => pause(CLOSED_MS, undefined, { signal: over.signal }).catch(() => {})) : closed
    closing = gone.finally(() => (closing = null))
    await closed
  }

  async function close(held: Promise<T>): Promise<void> {
    const startedMs = performance.now()
    const opened = await held.catch(() => null) // who opened it was told
    if (opened !== null) await options.close(opened)
    costMs = performance.now() - startedMs
  }

  return {
    take,
    giveBack,
    async use(act, signal) {
      const opened = await take(signal)
      try {
        return await act(opened)
      } finally {
        await giveBack()
      }
    },
    async end() {
      clearTimeout(timer)
      over.abort()
      over = new AbortController()
      await letGo()
      await closing
    },
  }
}
