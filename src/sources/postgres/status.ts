/**
 * Standby status updates (manual: "Streaming Replication Protocol"), on a timer of their own: a slow consumer never
 * costs the connection. Written, flushed and applied are all what was acknowledged: nothing that a sink could still
 * lose is ever reported, in any field, since a synchronous standby's primary waits on each of them.
 */
export type Status = {
  /** Everything before this position (16 hexadecimal digits) is durable. Never goes back. */
  acknowledge(position: string): void
  /** Sends a status that asks for an answer. */
  ask(): void
  /**
   * Answers a server that asks. True where it asks right after it was told: then it does not wait for a sign of life, but for an
   * acknowledgement of all that it has sent, before it shuts down (walsender.c, WalSndDone), and goes on asking until it has it.
   */
  answer(): boolean
  stop(): void
}

/** Acknowledges nothing: the server ignores it. */
export const NOTHING = '0000000000000000'

const INTERVAL_MS = 1000
/** Acknowledgements closer together than this travel together. */
const SPACING_MS = 10
/** A question sooner than this after a status is not about a sign of life: the server misses one after seconds. */
const INSISTS_MS = 250
/** From 1970-01-01 to 2000-01-01. */
const EPOCH_MS = 946_684_800_000n

export function createStatus(send: (bytes: Buffer) => void, acknowledged: string | null): Status & { flush(): void } {
  let confirmed = acknowledged ?? NOTHING
  let sent = confirmed
  let sentAtMs = 0
  let soon: NodeJS.Timeout | null = null

  const sendNow = (wantsReply: boolean) => {
    sent = confirmed
    sentAtMs = performance.now()
    send(statusMessage(confirmed, wantsReply))
  }
  const sendSoon = () => {
    if (performance.now() - sentAtMs >= SPACING_MS) return sendNow(false)
    soon ??= setTimeout(() => {
      soon = null
      sendNow(false)
    }, SPACING_MS)
  }
  const timer = setInterval(() => sendNow(false), INTERVAL_MS)

  return {
    acknowledge(position) {
      if (position <= confirmed) return
      confirmed = position
      sendSoon()
    },
    ask: () => sendNow(true),
    answer() {
      const isInsisting = performance.now() - sentAtMs < INSISTS_MS
      sendSoon()
      return isInsisting
    },
    flush() {
      if (sent !== confirmed) sendNow(false)
    },
    stop() {
      clearInterval(timer)
      if (soon) clearTimeout(soon)
      soon = null
    },
  }
}

/** `'r' Int64 written, Int64 flushed, Int64 applied, Int64 time, Byte reply wanted` */
export function statusMessage(position: string, wantsReply: boolean): Buffer {
  const bytes = Buffer.alloc(34)
  bytes[0] = 0x72
  for (const at of [1, 9, 17]) bytes.write(position, at, 'hex')
  bytes.writeBigInt64BE((BigInt(Date.now()) - EPOCH_MS) * 1000n, 25)
  bytes[33] = wantsReply ? 1 : 0
  return bytes
}
