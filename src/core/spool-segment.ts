import { open, type FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

/** What a frame of a segment holds. `control`: a batch that says something of a table. `mark`: all before it is durable. */
export const FRAME = { header: 1, table: 2, batch: 3, control: 4, mark: 5 } as const
export type FrameKind = (typeof FRAME)[keyof typeof FRAME]
/** `end`: the byte of the file after it. */
export type Frame = { kind: FrameKind; payload: Buffer; end: number }

/** Length of the payload, its checksum with the kind, the kind. */
const HEAD_BYTES = 9

export function frameOf(kind: FrameKind, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length)
  frame.writeUInt32LE(payload.length, 0)
  frame[8] = kind
  frame.set(payload, HEAD_BYTES)
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4)
  return frame
}

/** Reads frames one after the other. Null where no whole one follows: the end, or what a crash has cut. */
export function createFrameReader(file: FileHandle, from = 0) {
  let at = from
  return {
    get at(): number {
      return at
    },
    async next(limit: number): Promise<Frame | null> {
      if (at + HEAD_BYTES > limit) return null
      const head = await readWhole(file, at, HEAD_BYTES)
      if (head === null) return null
      const length = head.readUInt32LE(0)
      if (at + HEAD_BYTES + length > limit) return null
      const body = await readWhole(file, at + 8, length + 1)
      if (body === null || crc32(body) !== head.readUInt32LE(4)) return null
      at += HEAD_BYTES + length
      return { kind: body[0] as FrameKind, payload: body.subarray(1), end: at } // the checksum says that we wrote it
    },
  }
}

async function readWhole(file: FileHandle, at: number, length: number): Promise<Buffer | null> {
  const buffer = Buffer.allocUnsafe(length)
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(buffer, done, length - done, at + done)
    if (bytesRead === 0) return null
    done += bytesRead
  }
  return buffer
}

/** A file that is written from its beginning; nobody but this user may read rows in it. */
export async function createSegmentFile(
  path: string,
): Promise<{ file: FileHandle; append(frame: Buffer): Promise<void>; readonly size: number }> {
  const file = await open(path, 'wx+', 0o600)
  let size = 0
  return {
    file,
    async append(frame) {
      for (let done = 0; done < frame.length;) {
        const { bytesWritten } = await file.write(frame, done, frame.length - done, size + done)
        done += bytesWritten
      }
      size += frame.length
    },
    get size() {
      return size
    },
  }
}
