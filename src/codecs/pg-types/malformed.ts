import { MillraceError } from '../../errors/millrace-error.ts'

/** Decoders of one value do not know their column; whoever calls them does, and says it by `withColumn`. */
const UNNAMED = '?'

/** Bytes that no server sends. `offset` counts from the start of the buffer. */
export function malformed(offset: number, reason: string, column: string = UNNAMED): MillraceError {
  return new MillraceError('CODEC_MALFORMED', { offset, column, reason })
}

/** Any error of a decoder as CODEC_MALFORMED of this column; reading past a buffer's end counts as malformed too. */
export function withColumn(error: unknown, column: string, offset: number): MillraceError {
  if (!(error instanceof MillraceError)) {
    const reason = error instanceof RangeError ? 'it ends too early' : `${error instanceof Error ? error.message : 'unknown'}`
    return new MillraceError('CODEC_MALFORMED', { offset, column, reason }, { cause: error })
  }
  if (error.code !== 'CODEC_MALFORMED' || error.fields.column !== UNNAMED) return error
  return new MillraceError('CODEC_MALFORMED', { ...error.fields, column }, { cause: error.cause })
}
