import { randomUUID } from 'node:crypto'
import { MillraceError } from '../../errors/millrace-error.ts'
import { openS3, type S3, type S3Settings, type UploadedPart } from './client.ts'
import { NameTaken } from './s3-errors.ts'
import type { Store, StoreFile } from './store.ts'

export type S3StoreOptions = { sink: string; bucket: string; prefix: string; partSize: number; settings: S3Settings }

/** S3 counts no more parts than this, whatever their size: past it a file cannot grow. */
const MAX_PARTS = 10_000
/** Where files of this many parts would come near it, parts become larger. */
const GROW_AFTER = 1000

const AT_ONCE = 8

/**
 * Objects under a prefix. A small file goes up by one PUT, a larger one in parts, a part in memory at most; both become visible
 * by one request that S3 grants only where no object has the name. What the answer to it would have said may be lost: so each
 * file carries an id of its own, by which one's own object is known again.
 */
export async function openS3Store({ sink, bucket, prefix, partSize, settings }: S3StoreOptions): Promise<Store> {
  const s3 = await openS3(settings, { sink, bucket })
  const keyOf = (path: string) => (prefix === '' ? path : `${prefix}/${path}`)
  /** With the slash at its end; '' for the whole bucket. */
  const inFolder = (folder: string) =>
    [prefix, folder]
      .filter((part) => part !== '')
      .map((part) => `${part}/`)
      .join('')

  async function check(): Promise<void> {
    const key = keyOf(`.millrace/check-${randomUUID()}`)
    await s3.put(key, new Uint8Array(), { ifAbsent: true })
    await s3.list(inFolder(''), key)
    await s3.remove(key)
  }

  function create(path: string): StoreFile {
    return createObject(s3, { sink, place: `s3://${bucket}/${keyOf(path)}`, key: keyOf(path), partSize })
  }

  async function list(folder: string, after = ''): Promise<readonly string[]> {
    const base = inFolder(folder)
    const { files } = await s3.list(base, after === '' ? undefined : base + after)
    return files.map((key) => key.slice(base.length)).filter((name) => name !== '')
  }

  async function folders(folder: string): Promise<readonly string[]> {
    const base = inFolder(folder)
    return (await s3.list(base)).folders.map((key) => key.slice(base.length, -1))
  }

  async function open(name: string) {
    const path = `s3://${bucket}/${keyOf(name)}`
    const found = await s3.head(keyOf(name))
    if (found === null) throw new MillraceError('SINK_UNAVAILABLE', { sink, path, reason: 'it is gone' })
    const slice = (start: number, end: number) => s3.get(keyOf(name), start, end)
    return { path, byteLength: found.byteLength, slice, [Symbol.asyncDispose]: async () => {} }
  }

  async function remove(paths: readonly string[]): Promise<void> {
    for (let at = 0; at < paths.length; at += AT_ONCE)
      await Promise.all(paths.slice(at, at + AT_ONCE).map((path) => s3.remove(keyOf(path))))
  }

  async function move(from: string, to: string): Promise<void> {
    await s3.copy(keyOf(from), keyOf(to))
    await s3.remove(keyOf(from))
  }

  return {
    place: `s3://${bucket}/${prefix}`,
    sweep: (folder) => abortUploads(s3, inFolder(folder)),
    check,
    create,
    list,
    folders,
    open,
    remove,
    move,
    [Symbol.asyncDispose]: async () => s3.close(),
  }
}

/** Parts that nobody will complete cost money and are seen by nobody. A role that may not list them may leave them. */
async function abortUploads(s3: S3, prefix: string): Promise<void> {
  try {
    for (const { key, uploadId } of await s3.listUploads(prefix)) await s3.abortUpload(key, uploadId)
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'SINK_FORBIDDEN') throw error
  }
}

function createObject(s3: S3, { sink, place, key, partSize }: { sink: string; place: string; key: string; partSize: number }): StoreFile {
  const id = randomUUID()
  const parts: UploadedPart[] = []
  let held: Uint8Array[] = []
  let heldBytes = 0
  let uploadId: string | null = null

  async function append(pieces: readonly Uint8Array[]): Promise<void> {
    held.push(...pieces)
    for (const piece of pieces) heldBytes += piece.byteLength
    // Strictly more: what is left is never empty, so the last part is never one of no bytes.
    while (heldBytes > partBytes()) await sendPart(partBytes())
  }

  /** 1000 parts of the first size, then ever larger ones: 10 000 of them hold more than S3 lets an object be. */
  function partBytes(): number {
    return partSize * (1 + Math.floor(parts.length / GROW_AFTER))
  }

  async function sendPart(bytes: number): Promise<void> {
    if (parts.length >= MAX_PARTS) throw new MillraceError('BUG', { reason: 'a file of more parts than S3 takes' })
    const all = Buffer.concat(held)
    const body = all.subarray(0, bytes)
    held = bytes < all.length ? [all.subarray(bytes)] : []
    heldBytes = all.length - body.length
    uploadId ??= await s3.beginUpload(key, { 'millrace-id': id })
    parts.push(await s3.uploadPart(key, { uploadId, number: parts.length + 1, body }))
  }

  async function commit(metadata: Record<string, string>): Promise<void> {
    try {
      if (uploadId === null) await s3.put(key, Buffer.concat(held), { metadata: { ...metadata, 'millrace-id': id }, ifAbsent: true })
      else {
        if (heldBytes > 0) await sendPart(heldBytes)
        await s3.completeUpload(key, uploadId, parts)
      }
    } catch (error) {
      if (await isOwn(error)) return
      throw error instanceof NameTaken ? new MillraceError('SINK_SECOND_WRITER', { sink, path: place }, { cause: error }) : error
    } finally {
      held = []
      heldBytes = 0
    }
    uploadId = null
  }

  /** The request was granted, its answer lost, and the SDK asked again: the name is taken, or the upload is gone, by ourselves. */
  async function isOwn(error: unknown): Promise<boolean> {
    if (!(error instanceof NameTaken) && !(error instanceof MillraceError && error.code === 'SINK_UNAVAILABLE')) return false
    try {
      return (await s3.head(key))?.metadata['millrace-id'] === id
    } catch {
      return false // the first error says more
    }
  }

  async function abandon(): Promise<void> {
    held = []
    heldBytes = 0
    // What cannot be aborted now is swept when the table is written next.
    if (uploadId !== null) await s3.abortUpload(key, uploadId).catch(() => {})
    uploadId = null
  }

  return {
    append,
    commit,
    abandon,
    get heldBytes() {
      return heldBytes
    },
  }
}
