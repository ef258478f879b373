/**
 * The bytes at hand, across chunks. Chunks are worked on where they lie; only a message that lies across two is
 * gathered in a buffer of its own: its beginning, and as much of the next chunk as it needs. That buffer doubles, so a row of
 * 64 MB in 64 chunks is copied about twice, not 32 times.
 */
export type Rest = {
  buf: Buffer
  /** The first byte not decoded yet. */
  at: number
  end: number
  /** Set where the message at `at` goes past `end`: the offset up to which bytes are needed, at least. */
  need: number
  push(chunk: Buffer): void
  /** After each message: goes back from the gathered bytes to the chunk as soon as nothing of the earlier one is left. */
  settle(): void
  /** After `need` was set: whether there are more bytes to go on with. Keeps what is left when there are not. */
  more(): boolean
  isGathering(): boolean
  /** Counted from the first byte ever pushed. */
  offset(at: number): number
}

const SMALL = 16 * 1024
/** A buffer past this is given back once its row is decoded. */
const LARGE = 4 * 1024 * 1024

export function createRest(): Rest {
  let gathered = Buffer.allocUnsafeSlow(SMALL)
  /** The chunk that gathering takes from, and how much it has taken; `joint` is where its first byte lies in `gathered`. */
  let next: Buffer | null = null
  let taken = 0
  let joint = 0
  /** The offset of `buf[0]` in all bytes. */
  let base = 0

  const rest: Rest = {
    buf: gathered,
    at: 0,
    end: 0,
    need: 0,
    push(chunk) {
      if (rest.at === rest.end) return workOn(chunk, 0, base + rest.end)
      next = chunk
      taken = 0
      joint = rest.end
      take()
    },
    settle() {
      rest.need = 0
      if (next !== null && rest.at >= joint) workOn(next, rest.at - joint, base + joint)
    },
    more() {
      if (rest.at === rest.end) return false
      if (rest.buf !== gathered || rest.at > 0) gather()
      if (next === null || taken === next.length) {
        next = null
        return false
      }
      return take()
    },
    isGathering: () => rest.buf === gathered,
    offset: (at) => base + at,
  }

  const workOn = (chunk: Buffer, at: number, offset: number): void => {
    if (gathered.length > LARGE) gathered = Buffer.allocUnsafeSlow(SMALL)
    rest.buf = chunk
    rest.at = at
    rest.end = chunk.length
    rest.need = 0
    base = offset
    next = null
  }

  /** Moves what is left to the front of the gathering buffer. */
  const gather = (): void => {
    const { buf, at, end } = rest
    base += at
    joint -= at
    rest.need -= at
    makeRoom(Math.max(end - at, rest.need), 0)
    buf.copy(gathered, 0, at, end)
    rest.buf = gathered
    rest.at = 0
    rest.end = end - at
  }

  /** Takes from the next chunk what is needed, or a little where that is not known. True where `need` is met. */
  const take = (): boolean => {
    const chunk = next as Buffer // callers have set it
    const wanted = Math.max(rest.need - rest.end, SMALL)
    const count = Math.min(wanted, chunk.length - taken)
    makeRoom(Math.max(rest.end + count, rest.need), rest.end)
    chunk.copy(gathered, rest.end, taken, taken + count)
    taken += count
    rest.buf = gathered
    rest.end += count
    return rest.end >= rest.need
  }

  const makeRoom = (size: number, keep: number): void => {
    if (size <= gathered.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * gathered.length))
    gathered.copy(larger, 0, 0, keep)
    gathered = larger
  }

  return rest
}
