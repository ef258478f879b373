import type { Duplex, DuplexOptions, Readable, ReadableOptions } from 'node:stream'
import type { Submittable } from 'pg'
import pgCopyStreams from 'pg-copy-streams'

export type CopyBoth = Duplex & Submittable

export type CopyTo = Readable & Submittable & { rowCount: number }

/** What of pg-copy-streams (7.0.0, pinned) is used beside its contract: its reading of what the server sends. */
type Inner = {
  push(bytes: Buffer): boolean
  _parse(chunk: Buffer): boolean | undefined
  _buffer: { size: number }
  _state: number
  _code: number
  _unreadMessageContentLength: number
}

const { both, to } = pgCopyStreams as unknown as {
  both(command: string, options: DuplexOptions): CopyBoth & Inner & { _gotCopyInResponse: boolean }
  to(command: string, options: ReadableOptions): CopyTo & Inner
}

const BETWEEN = 0
const INSIDE = 2
const COPY_OUT_RESPONSE = 0x48
const COPY_DATA = 0x64
const HEADER_BYTES = 5

/** `both`, gulping. */
export function gulpingCopyBoth(command: string, options: DuplexOptions): CopyBoth {
  const copy = both(command, options)
  gulp(copy, () => copy._gotCopyInResponse)
  return copy
}

/** `to`, gulping. */
export function gulpingCopyTo(command: string, options: ReadableOptions): CopyTo {
  const copy = to(command, options)
  gulp(copy, () => copy._code === COPY_OUT_RESPONSE || copy._code === COPY_DATA)
  return copy
}

/**
 * Payloads are moved together inside the gulp they came in, instead of each message becoming a view, a list entry
 * and a copy: a fifth of the CPU of a flood of small rows.
 *
 * Nothing is lost on the way in or out: it takes over where the library stands between two messages or inside the payload of one, and
 * hands back to it, for good, from the first byte of whatever is not CopyData (an error, the end).
 */
function gulp(copy: Inner, hasBegun: () => boolean): void {
  const slow = copy._parse.bind(copy)
  let rest: Buffer | null = null
  /** Payload bytes of the message in hand still to come; -1 while the library parses. */
  let left = -1
  let isOver = false

  copy._parse = (chunk) => {
    if (left >= 0) return move(rest ? Buffer.concat([rest, chunk]) : chunk)
    const drained = slow(chunk)
    // An end or an error took its buffers away.
    if (isOver || !copy._buffer || !hasBegun()) return drained
    if (copy._state === INSIDE && copy._code === COPY_DATA) left = copy._unreadMessageContentLength
    else if (copy._state === BETWEEN && copy._buffer.size === 0) left = 0
    return drained
  }

  function move(chunk: Buffer): boolean | undefined {
    rest = null
    let [from, to] = [0, 0]
    while (from < chunk.length) {
      if (left === 0) {
        if (chunk.length - from < HEADER_BYTES && chunk[from] === COPY_DATA) {
          rest = chunk.subarray(from)
          break
        }
        if (chunk[from] !== COPY_DATA) return handBack(chunk, from, to)
        left = chunk.readUInt32BE(from + 1) - 4
        from += HEADER_BYTES
      }
      const bytes = Math.min(left, chunk.length - from)
      // Towards the front only: what is written over has been moved already.
      if (to !== from) chunk.copyWithin(to, from, from + bytes)
      to += bytes
      from += bytes
      left -= bytes
    }
    return to === 0 || copy.push(chunk.subarray(0, to))
  }

  function handBack(chunk: Buffer, from: number, to: number): boolean | undefined {
    isOver = true
    left = -1
    if (to > 0) copy.push(chunk.subarray(0, to))
    copy._state = BETWEEN
    return slow(chunk.subarray(from))
  }
}
