import { mkdir, open, readdir, readFile, rm, rmdir, stat, truncate } from 'node:fs/promises'

/** What the sink needs of the disk; tests put a failing one in its place. */
export const fileSystem = { mkdir, open, readdir, readFile, rm, rmdir, stat, truncate }

export type FileSystem = typeof fileSystem
