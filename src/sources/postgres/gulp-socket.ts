import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'

/**
 * A socket that reads in gulps while there is a backlog, for `pg`'s `stream` option (below TLS too).
 *
 * Postgres' walsender sends every message by itself. While the receive window is open each of them is a packet of its own,
 * and wakes a reader that waits; while it is full they are joined where they wait, and the server runs at its decoding speed:
 * twice the rate at a quarter of the CPU. So, while a flood lasts, a read that brought little (the window was open) is followed
 * by a rest in which the window fills, and one that brought much by the next read at once: more waits behind it.
 * On another machine filling the window costs a round trip, and a long rest would be the limit: there it is short.
 * Bytes are handed on before the rest, never after it, so that a change that comes alone waits for nothing.
 *
 * Bounded: nothing is read past `highWaterMark` until the consumer takes what is there.
 */
export class GulpSocket extends Duplex {
  #socket: Socket | null = null
  readonly #buffer = Buffer.allocUnsafeSlow(GULP_BYTES)
  #rest: NodeJS.Timeout | null = null
  #restMs = FAR_REST_MS
  /** Held by the consumer: `push` said that it has enough. */
  #held = false
  #lastReadMs = 0
  #burstBytes = 0

  constructor() {
    super({ readableHighWaterMark: GULP_BYTES, writableHighWaterMark: 64 * 1024, allowHalfOpen: false })
  }

  /** As `net.Socket`: a port and a host, or the path of a Unix socket. */
  connect(portOrPath: number | string, host?: string): this {
    const onread = { buffer: this.#buffer, callback: (bytes: number) => this.#take(bytes) }
    const socket =
      typeof portOrPath === 'string'
        ? connect({ path: portOrPath, onread })
        : connect({ port: portOrPath, host: host ?? 'localhost', noDelay: true, onread })
    socket.on('connect', () => {
      if (socket.localAddress !== undefined && socket.localAddress === socket.remoteAddress) this.#restMs = NEAR_REST_MS
      this.emit('connect')
    })
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    this.#socket = socket
    return this
  }

  /** Takes what one read brought; false stops reading until `#goOn`. */
  #take(bytes: number): boolean {
    const now = performance.now()
    this.#burstBytes = this.#burstBytes * Math.max(0, 1 - (now - this.#lastReadMs) / BURST_MS) + bytes
    this.#lastReadMs = now
    this.#held = !this.push(Buffer.from(this.#buffer.subarray(0, bytes)))
    if (this.#burstBytes >= BURST_BYTES && bytes < FULL_BYTES) this.#startRest()
    return !this.#held && this.#rest === null
  }

  #startRest(): void {
    this.#rest = setTimeout(() => {
      this.#rest = null
      // What the rest brought says whether the flood lasts.
      this.#burstBytes = 0
      this.#goOn()
    }, this.#restMs)
  }

  #goOn(): void {
    if (!this.#held && this.#rest === null) this.#socket?.resume()
  }

  override _read(): void {
    if (!this.#held) return
    this.#held = false
    this.#goOn()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#write(Buffer.concat(chunks.map((one) => one.chunk)), done)
  }

  #write(bytes: Buffer, done: (error?: Error | null) => void): void {
    if (this.#socket) this.#socket.write(bytes, done)
    else done(new Error('written before connect'))
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket && !this.#socket.destroyed) this.#socket.end(() => done())
    else done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#rest) clearTimeout(this.#rest)
    this.#rest = null
    this.#socket?.destroy()
    done(error)
  }

  setNoDelay(): this {
    return this // always set
  }

  setKeepAlive(isOn: boolean, delayMs: number): this {
    this.#socket?.setKeepAlive(isOn, delayMs)
    return this
  }

  ref(): this {
    this.#socket?.ref()
    return this
  }

  unref(): this {
    this.#socket?.unref()
    return this
  }
}

const GULP_BYTES = 1 << 20
/** A read of this much found the window full: Linux begins with one of 64 kB. */
const FULL_BYTES = 48 * 1024
const NEAR_REST_MS = 10
const FAR_REST_MS = 2
/** A flood is this much within a few milliseconds: 3 MB/s. One transaction of a few rows is whole before the first rest. */
const BURST_BYTES = 16 * 1024
const BURST_MS = 5
