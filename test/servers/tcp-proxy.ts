/** A TCP proxy that does harm as it is told: between a client and any server. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What becomes of the bytes: `pass`; `hold`: nothing moves and nobody is told; `refuse`: whoever comes is sent away. */
export type Traffic = {
  mode: 'pass' | 'hold' | 'refuse'
  /** Each piece comes so much later. */
  delayMs: number
  /** At most so many bytes a second, for each connection and direction; 0: as many as come. */
  bytesPerSecond: number
}

export type TcpProxy = AsyncDisposable & {
  port: number
  /** From now on, for connections that are there too. */
  set(traffic: Partial<Traffic>): void
  /** Ends every connection by a reset, as a firewall does. */
  reset(): void
  /** Resets one connection, once, when so many more bytes have come from the server on all of them; Infinity: none. */
  resetAfter(bytes: number): void
}

type Pair = { client: Socket; server: Socket }

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const traffic: Traffic = { mode: 'pass', delayMs: 0, bytesPerSecond: 0 }
  const pairs = new Set<Pair>()
  const waiting = new Set<() => void>()
  let bytesLeft = Infinity

  const listener = createServer((client) => {
    if (traffic.mode === 'refuse') return void client.resetAndDestroy()
    const server = connect(target)
    const pair = { client, server }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
    void carry(client, server, false)
    void carry(server, client, true)
  })

  async function carry(from: Socket, to: Socket, isCounted: boolean): Promise<void> {
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        if (isCounted) count(piece.length, { client: to, server: from })
        await pass()
        const { delayMs, bytesPerSecond } = traffic
        const pauseMs = delayMs + (bytesPerSecond === 0 ? 0 : (piece.length / bytesPerSecond) * 1000)
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
        if (!to.write(piece)) await room(to)
      }
      to.end()
    } catch {
      to.destroy() // the other side is gone
    }
  }

  function count(bytes: number, pair: Pair): void {
    if (bytesLeft === Infinity) return
    bytesLeft -= bytes
    if (bytesLeft > 0) return
    bytesLeft = Infinity
    resetBoth(pair)
  }

  async function pass(): Promise<void> {
    while (traffic.mode === 'hold') await new Promise<void>((resolve) => waiting.add(resolve))
  }

  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port, // it listens on TCP
    set(changed) {
      Object.assign(traffic, changed)
      if (traffic.mode === 'hold') return
      for (const resolve of waiting) resolve()
      waiting.clear()
    },
    reset() {
      for (const pair of pairs) resetBoth(pair)
    },
    resetAfter(bytes) {
      bytesLeft = bytes
    },
    async [Symbol.asyncDispose]() {
      for (const pair of pairs) resetBoth(pair)
      listener.close()
      await once(listener, 'close')
    },
  }
}

function room(to: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      to.off('drain', done).off('close', done)
      resolve()
    }
    to.on('drain', done).on('close', done)
    if (to.destroyed) done()
  })
}

function resetBoth({ client, server }: Pair): void {
  client.resetAndDestroy()
  server.resetAndDestroy()
}
