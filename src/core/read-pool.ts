/**
 * Bounds what is read at once, over all tables: `parallel` chunks being read, and `maxBytes` of chunks read or being read and not yet handed
 * out, so that reading pauses while the stream lags. Lower ranks go first; one chunk is always let through, however large.
 */
export type ReadPool = { enter(rank: number, bytes: number, signal: AbortSignal): Promise<Lease> }

/** `read`: the reading is over, `bytes` are waiting now. `release`: they are handed out, or dropped. */
export type Lease = { read(bytes: number): void; release(): void }

type Waiting = { rank: number; bytes: number; enter(): void }

export function createReadPool({ parallel, maxBytes }: { parallel: number; maxBytes: number }): ReadPool {
  const waiting: Waiting[] = []
  let reading = 0
  let held = 0

  const hasRoom = (bytes: number) => reading < parallel && (held === 0 || held + bytes <= maxBytes)
  const admit = () => {
    for (let next = waiting[0]; next && hasRoom(next.bytes); next = waiting[0]) {
      waiting.shift()
      next.enter()
    }
  }
  const lease = (reserved: number): Lease => {
    let [bytes, isReading] = [reserved, true]
    reading++
    held += bytes
    return {
      read(actual) {
        if (isReading) reading--
        isReading = false
        held += actual - bytes
        bytes = actual
        admit()
      },
      release() {
        this.read(0)
      },
    }
  }

  return {
    enter(rank, bytes, signal) {
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.splice(waiting.indexOf(entry), 1)
          reject(signal.reason as Error)
        }
        const entry: Waiting = {
          rank,
          bytes,
          enter() {
            signal.removeEventListener('abort', leave)
            resolve(lease(bytes))
          },
        }
        if (signal.aborted) return reject(signal.reason as Error)
        signal.addEventListener('abort', leave, { once: true })
        const behind = waiting.findIndex((other) => other.rank > rank)
        waiting.splice(behind < 0 ? waiting.length : behind, 0, entry)
        admit()
      })
    },
  }
}
