import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Compression } from './footer.ts'

/** Compresses one page into memory of its own. */
export type Compress = (page: Uint8Array) => Uint8Array

/** `level`: the codec's own scale; left out: what measurement chose (ADR 8). */
export function createCompress(compression: Compression, level?: number): Compress {
  switch (compression) {
    case 'none':
      return (page) => Uint8Array.prototype.slice.call(page)
    case 'gzip':
      return (page) => trimmed(gzipSync(page, { level: level ?? 4, chunkSize: roomFor(page.length) }))
    case 'zstd':
      return createZstd(level ?? 3)
  }
}

function createZstd(level: number): Compress {
  const params = { [constants.ZSTD_c_compressionLevel]: level }
  return (page) => trimmed(zstdCompressSync(page, { params, chunkSize: roomFor(page.length), pledgedSrcSize: page.length }))
}

/** Pages wait for their row group: each only with the memory that it takes. */
function trimmed(page: Buffer): Uint8Array {
  return page.length < page.buffer.byteLength ? Uint8Array.prototype.slice.call(page) : page
}

/** Output comes in chunks of this size: mostly in one. */
function roomFor(bytes: number): number {
  return Math.max(256, Math.ceil(bytes / 2) + 64)
}
