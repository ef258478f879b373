/** Characters collected before they become bytes: V8 joins and encodes them in one go. */
const TEXT = 32 * 1024
/** UTF-8 needs at most three bytes for one UTF-16 unit. */
const WORST = 3
/** The first block for a file is small, because there may be many files; the next ones are large. */
const SMALL = 16 * 1024
const LARGE = 256 * 1024
const KEPT_BYTES = 8 * 1024 * 1024

/** Lines on their way to one file: pieces that are complete, then what lies in `block` between `start` and `filled`, then `text`. */
export type Outgoing = {
  folder: string
  first: string
  text: string
  bytes: Uint8Array[]
  block: Buffer | null
  start: number
  filled: number
}

/** Writes a line at `at` of a block and returns where it ends, −1 where it does not fit or cannot be written so. */
export type WriteLine<Line> = (line: Line, block: Buffer, at: number) => number

/**
 * Lines as bytes, in blocks that are used again: fresh memory for every batch costs more than the encoding. Blocks belong to one file
 * until they are sealed, so that each of its pieces is long, however the tables take turns.
 * `seal` ends what was added since the last one; its blocks come back by `release` once they are written.
 */
export function createLineBlocks() {
  const free = { small: [] as Buffer[], large: [] as Buffer[] }
  let used: Buffer[] = []

  return { open, add, addWritten, finish, seal }

  function open(folder: string, first: string): Outgoing {
    return { folder, first, text: '', bytes: [], block: null, start: 0, filled: 0 }
  }

  function add(out: Outgoing, line: string): void {
    out.text += line
    if (out.text.length > TEXT) encode(out)
  }

  /** By `write`; false where it cannot: then nothing was added. */
  function addWritten<Line>(out: Outgoing, line: Line, write: WriteLine<Line>): boolean {
    if (out.text !== '') encode(out)
    let end = out.block === null ? -1 : write(line, out.block, out.filled)
    if (end < 0 && (out.block === null || out.filled > out.block.length / 2)) {
      const block = nextBlock(out)
      end = write(line, block, out.filled)
    }
    if (end < 0) return false
    out.filled = end
    return true
  }

  /** All of it is in `bytes` now. */
  function finish(out: Outgoing): void {
    encode(out)
    close(out)
  }

  function encode(out: Outgoing): void {
    const { text } = out
    if (text === '') return
    out.text = ''
    const worst = text.length * WORST
    if (worst > LARGE) {
      close(out)
      out.bytes.push(Buffer.from(text))
      return
    }
    if (out.block === null || out.block.length - out.filled < worst) nextBlock(out, worst)
    out.filled += out.block!.write(text, out.filled, 'utf8') // there is one now
  }

  function nextBlock(out: Outgoing, atLeast = 0): Buffer {
    const isFirst = out.block === null && out.bytes.length === 0 && atLeast <= SMALL
    close(out)
    const block = (isFirst ? free.small : free.large).pop() ?? Buffer.allocUnsafeSlow(isFirst ? SMALL : LARGE)
    used.push(block)
    out.block = block
    return block
  }

  function close(out: Outgoing): void {
    if (out.block !== null && out.filled > out.start) out.bytes.push(out.block.subarray(out.start, out.filled))
    out.block = null
    out.start = out.filled = 0
  }

  function seal(): { release(): void } {
    const sealed = used
    used = []
    return {
      release() {
        for (const block of sealed) keep(block.length === SMALL ? free.small : free.large, block)
      },
    }
  }
}

function keep(blocks: Buffer[], block: Buffer): void {
  if (blocks.length * block.length < KEPT_BYTES) blocks.push(block)
}
