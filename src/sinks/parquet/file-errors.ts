import { MillraceError } from '../../errors/millrace-error.ts'

export type Place = { sink: string; path: string }

/** Any failure of the file system as an error of the table. */
function fileError(error: unknown, { sink, path }: Place): MillraceError {
  if (error instanceof MillraceError) return error
  const { code, syscall, message } = error as NodeJS.ErrnoException // the file system throws nothing else
  const cause = { cause: error }
  if (code === 'ENOSPC' || code === 'EDQUOT') return new MillraceError('SINK_DISK_FULL', { sink, path }, cause)
  if (code === 'ENOTDIR' || (code === 'EEXIST' && syscall === 'mkdir')) return new MillraceError('SINK_PATH_IS_FILE', { sink, path }, cause)
  // Where a folder can be made in no way its parent was there a moment ago (`/proc`); some file systems have no hard links.
  const isRefused =
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || (code === 'ENOENT' && syscall === 'mkdir') || code === 'ENOTSUP'
  if (isRefused)
    return new MillraceError(
      'SINK_NOT_WRITABLE',
      { sink, path, reason: syscall === 'link' ? `${code} (no hard links there)` : code },
      cause,
    )
  return new MillraceError('SINK_IO', { sink, path, reason: message }, cause)
}

/** Runs one act on one path. */
export async function at<T>(place: Place, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw fileError(error, place)
  }
}
