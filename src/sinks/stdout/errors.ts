import { MillraceError } from '../../errors/millrace-error.ts'

/** Any failure of the output stream as an error of the table; a format's own stay what they are. */
export function stdoutError(error: unknown, sink: string): MillraceError {
  if (error instanceof MillraceError) return error
  const { code, message } = error as NodeJS.ErrnoException // streams and the file system throw nothing else
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return new MillraceError('SINK_READER_GONE', { sink }, { cause: error })
  if (code === 'ENOSPC' || code === 'EDQUOT') return new MillraceError('SINK_DISK_FULL', { sink, path: 'stdout' }, { cause: error })
  return new MillraceError('SINK_IO', { sink, path: 'stdout', reason: message }, { cause: error })
}
