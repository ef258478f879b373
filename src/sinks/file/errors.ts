import { MillraceError } from '../../errors/millrace-error.ts'

export type Place = { sink: string; path: string }

/** Any failure of the file system as an error of the table. */
export function fileError(error: unknown, { sink, path }: Place): MillraceError {
  if (error instanceof MillraceError) return error
  const { code, syscall, message } = error as NodeJS.ErrnoException // the file system throws nothing else
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new MillraceError('SINK_DISK_FULL', { sink, path }, { cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new MillraceError('SINK_NOT_WRITABLE', { sink, path, reason: code }, { cause: error })
    case 'ENOTDIR':
      return new MillraceError('SINK_PATH_IS_FILE', { sink, path }, { cause: error })
    default:
      // A folder above it is there, or was made just now: this one can never be (`/proc`).
      if (code === 'ENOENT' && syscall === 'mkdir')
        return new MillraceError('SINK_NOT_WRITABLE', { sink, path, reason: code }, { cause: error })
      if (code === 'EEXIST' && syscall === 'mkdir') return new MillraceError('SINK_PATH_IS_FILE', { sink, path }, { cause: error })
      return new MillraceError('SINK_IO', { sink, path, reason: message }, { cause: error })
  }
}

/** Runs one act on one path. */
export async function at<T>(place: Place, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw fileError(error, place)
  }
}
