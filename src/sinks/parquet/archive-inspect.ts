import { createHash } from 'node:crypto'
import type { InspectedPart } from '../../contracts/archive.ts'
import { readFooter, type FileBytes } from '../../codecs/parquet/read-file.ts'
import { fieldTexts } from '../../codecs/parquet/schema-text.ts'
import { MillraceError } from '../../errors/millrace-error.ts'

const PIECE_BYTES = 4 << 20

/** Reads a Parquet file to its last byte, for its hash, and its footer. */
export async function inspectPart(file: FileBytes, signal: AbortSignal): Promise<InspectedPart> {
  const hash = createHash('sha256')
  for (let at = 0; at < file.byteLength; at += PIECE_BYTES) {
    signal.throwIfAborted()
    hash.update(await file.slice(at, Math.min(at + PIECE_BYTES, file.byteLength)))
  }
  return { bytes: file.byteLength, sha256: hash.digest('hex'), ...(await shapeOf(file)) }
}

async function shapeOf(file: FileBytes): Promise<{ schema: readonly string[]; rows: number } | { schema: null; reason: string }> {
  try {
    const { schema, rowCount } = await readFooter(file)
    return { schema: fieldTexts(schema), rows: rowCount }
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'PARQUET_MALFORMED') throw error
    return { schema: null, reason: String(error.fields.reason) }
  }
}
