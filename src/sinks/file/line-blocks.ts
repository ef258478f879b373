/** Characters collected before they become bytes: V8 joins and encodes them in one go. */
const TEXT = 32 * 1024
const BLOCK = 1024 * 1024
/** UTF-8 needs at most three bytes for one UTF-16 unit. */
const WORST = 3
const KEPT_BLOCKS = 24

/** Text on its way to one file. */
export type Outgoing = { folder: string; first: string; text: string; bytes: Uint8Array[] }

/**
 * Turns lines into bytes in blocks that are used again: fresh memory for every batch costs more than the encoding.
 * `seal` ends what was added since the last one; its blocks come back by `release` once they are written.
 */
export function createLineBlocks() {
  const free: Buffer[] = []
  let used: Buffer[] = []
  let block: Buffer | null = null
  let filled = 0

  return { add, finish, seal }

  function add(out: Outgoing, line: string): void {
    out.text += line
    if (out.text.length > TEXT) finish(out)
  }

  function finish(out: Outgoing): void {
    const { text } = out
    if (text === '') return
    out.text = ''
    if (text.length * WORST > BLOCK) {
      out.bytes.push(Buffer.from(text))
      return
    }
    if (block === null || BLOCK - filled < text.length * WORST) takeBlock()
    const into = block! // takeBlock just set it, or it was there
    const start = filled
    filled += into.write(text, start, 'utf8')
    append(out.bytes, into, start)
  }

  function takeBlock(): void {
    block = free.pop() ?? Buffer.allocUnsafeSlow(BLOCK)
    used.push(block)
    filled = 0
  }

  /** Bytes that follow on those before them in the same block lengthen that piece. */
  function append(pieces: Uint8Array[], into: Buffer, start: number): void {
    const last = pieces.at(-1)
    if (last && last.buffer === into.buffer && last.byteOffset + last.byteLength === into.byteOffset + start) {
      pieces[pieces.length - 1] = into.subarray(last.byteOffset - into.byteOffset, filled)
    } else pieces.push(into.subarray(start, filled))
  }

  function seal(): { release(): void } {
    const sealed = used
    used = []
    block = null
    return {
      release() {
        for (const done of sealed) if (free.length < KEPT_BLOCKS) free.push(done)
      },
    }
  }
}
