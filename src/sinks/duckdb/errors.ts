import { MillraceError } from '../../errors/millrace-error.ts'

/** DuckDB's error → ours. Total: what is not known is an I/O error, tried again from the last checkpoint. */
export function toSinkError(error: unknown, at: { sink: string; path: string }): MillraceError {
  if (error instanceof MillraceError) return error
  const text = error instanceof Error ? error.message : String(error)
  const code = CODES.find(([pattern]) => pattern.test(text))?.[1]
  if (!code) return new MillraceError('BUG', { reason: withoutValues(text) }, { cause: error })
  return new MillraceError(code, { ...at, reason: withoutValues(text), holder: holderOf(text) }, { cause: error })
}

/** Another process holds the file. */
export function isLocked(error: unknown): boolean {
  return error instanceof Error && LOCKED.test(error.message)
}

export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && OUT_OF_MEMORY.test(error.message) && !DISK_FULL.test(error.message)
}

const LOCKED = /Could not set lock|Conflicting lock/
const DISK_FULL = /No space left on device|ENOSPC|Disk quota exceeded|max_temp_directory_size/i
const OUT_OF_MEMORY = /^Out of Memory Error/

/** First match wins. The texts are DuckDB 1.5's and the C library's. */
const CODES = [
  [LOCKED, 'SINK_LOCKED'],
  [DISK_FULL, 'SINK_DISK_FULL'],
  [OUT_OF_MEMORY, 'SINK_MEMORY'],
  [/Is a directory|EISDIR/i, 'SINK_PATH_IS_FOLDER'],
  [/No such file or directory|ENOENT|Not a directory|ENOTDIR/i, 'SINK_PATH_MISSING'],
  [/Permission denied|EACCES|Read-only file system|EROFS|read-only mode|Operation not permitted/i, 'SINK_NOT_WRITABLE'],
  [
    /not a valid DuckDB database|Could not read enough bytes|checksum|Corrupt|Serialization Error|version number|Failure while replaying WAL/i,
    'SINK_CORRUPT',
  ],
  [/^(IO Error|HTTP Error|Interrupt Error|INTERRUPT Error|TransactionContext Error|FATAL Error)/i, 'SINK_IO'],
] as const

/** ` (process 123)`, or nothing. */
function holderOf(text: string): string {
  const pid = /PID (\d+)/.exec(text)?.[1]
  return pid ? ` (process ${pid})` : ''
}

/** An error never shows a row's value: DuckDB quotes what it could not convert, and the statement. */
function withoutValues(text: string): string {
  const line = text.split('\n', 1)[0] ?? ''
  return /^(Conversion|Invalid Input|Constraint) Error/.test(line) ? line.replace(/(["']).*\1/g, '…').replace(/: [^:]*$/, '') : line
}
