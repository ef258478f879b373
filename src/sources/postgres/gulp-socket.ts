import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'

/**
 * A socket that reads in gulps while there is a backlog, for `pg`'s `stream` option (below TLS too).
 *
 * Postgres' walsender pays one send and one wake-up of the reader per message when the reader always waits. A reader
 * that rests 2 ms between reads, while data keeps coming, lets it fill its buffers and run at its decoding speed:
 * twice the rate at a quarter of the CPU. Bytes are handed on before the rest, never after it, so that a change that
 * comes alone waits for nothing.
 *
 * Bounded: nothing is read past `highWaterMark` until the consumer takes what is there.
 */
export class GulpSocket extends Duplex {
  #socket: Socket | null = null
  readonly #buffer = Buffer.allocUnsafeSlow(GULP_BYTES)
  #rest: NodeJS.Timeout | null = null
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
    socket.on('connect', () => this.emit('connect'))
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    this.#socket = socket
    return this
  }

  /** Takes what one read brought; false stops reading until `#goOn`. */
  #take(bytes: number): boolean {
    const now = performance.now()
    this.#burstBytes = now - this.#lastReadMs < BURST_GAP_MS ? this.#burstBytes + bytes : bytes
    this.#lastReadMs = now
    this.#held = !this.push(Buffer.from(this.#buffer.subarray(0, bytes)))
    if (this.#burstBytes >= BURST_BYTES && bytes < GULP_BYTES) this.#startRest()
    return !this.#held && this.#rest === null
  }

  #startRest(): void {
    this.#rest = setTimeout(() => {
      this.#rest = null
      // The rest is no gap: what is read now still belongs to the burst.
      this.#lastReadMs = performance.now()
      this.#goOn()
    }, REST_MS)
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
const REST_MS = 2
/** Reads further apart than this are no burst. */
const BURST_GAP_MS = 5
/** A burst rests only past this: one transaction of a few rows, read in pieces, is whole before the first rest. */
const BURST_BYTES = 16 * 1024
