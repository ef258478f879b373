/** Memory that grows and is used again. The views cover all of it; `length` is what is in use, in bytes. */
export type GrowingBytes = { u8: Buffer; i32: Int32Array; view: DataView; length: number }

/** Room kept behind what is asked for, so that loops may copy whole words past a value's end. */
const SLACK = 16

export function createGrowingBytes(bytes = 1024): GrowingBytes {
  return { ...viewsOf(bytes), length: 0 }
}

/** What is kept of it for the next use: a single huge value must not hold its memory for the rest of the file. */
const MOST_KEPT = 4 * 1024 * 1024

export function clear(target: GrowingBytes): void {
  target.length = 0
  if (target.u8.length > MOST_KEPT) Object.assign(target, viewsOf(1024))
}

/** Makes room for `more` bytes behind `length`. Views taken before are stale. */
export function reserve(target: GrowingBytes, more: number): void {
  const needed = target.length + more + SLACK
  if (needed <= target.u8.length) return
  const { u8, i32, view } = viewsOf(Math.max(needed, target.u8.length * 2))
  target.u8.copy(u8, 0, 0, target.length)
  Object.assign(target, { u8, i32, view })
}

export function appendBytes(target: GrowingBytes, bytes: Uint8Array): void {
  reserve(target, bytes.length)
  target.u8.set(bytes, target.length)
  target.length += bytes.length
}

function viewsOf(bytes: number): Pick<GrowingBytes, 'u8' | 'i32' | 'view'> {
  const buffer = new ArrayBuffer((bytes + 7) & ~7)
  return { u8: Buffer.from(buffer), i32: new Int32Array(buffer, 0, buffer.byteLength >> 2), view: new DataView(buffer) }
}
