import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MillraceError } from '../../errors/millrace-error.ts'
import { faultPoint } from '../../lib/fault-point.ts'

const SCHEMA_VERSION = '1'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS meta     (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts    (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sinks    (name TEXT PRIMARY KEY, position TEXT NOT NULL, carry TEXT NOT NULL, data TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunks   (sink TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (sink, id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, args TEXT NOT NULL,
                                     expires INTEGER NOT NULL, answer TEXT) STRICT;
CREATE TABLE IF NOT EXISTS letters  (id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, place TEXT NOT NULL, "table" TEXT, op TEXT NOT NULL,
                                     key TEXT, position TEXT NOT NULL, ordinal INTEGER, code TEXT NOT NULL, message TEXT NOT NULL,
                                     waits INTEGER NOT NULL, time INTEGER NOT NULL, attempts INTEGER NOT NULL, line TEXT NOT NULL,
                                     content BLOB NOT NULL, UNIQUE (sink, place)) STRICT;
`

/**
 * The pipeline's database file: made with its folder where it is missing, readable by its owner only.
 * synchronous = FULL: a commit has been fsynced when it returns, so that what we remember survives a power cut;
 * WAL: one fsync a commit, and other processes ask and read without holding the writer up.
 */
export function openDatabase(path: string, pipeline: string): DatabaseSync {
  return guarded(path, () => {
    makePrivate(path)
    const database = new DatabaseSync(path, { timeout: 5000 })
    try {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
      assertSound(database, path)
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`)
      claim(database, path, pipeline)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/** Runs `work` as one transaction: all of it is durable when this returns, or none of it happened. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    faultPoint('state-save')
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Turns what SQLite and the file system throw into errors of the table. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw stateError(path, error)
  }
}

function stateError(path: string, error: unknown): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error
  const { code, errcode } = error as Error & { code?: string; errcode?: number }
  if (code !== 'ERR_SQLITE_ERROR') return code?.startsWith('E') ? unwritable(path, error) : error
  // The low byte is SQLite's primary result code: 11 SQLITE_CORRUPT, 26 SQLITE_NOTADB, 1 SQLITE_ERROR (https://sqlite.org/rescode.html).
  const primary = (errcode ?? 0) & 0xff
  if (primary === 11 || primary === 26) return new MillraceError('STATE_CORRUPT', { path, reason: error.message }, { cause: error })
  return primary === 1 ? error : unwritable(path, error)
}

function unwritable(path: string, error: Error): MillraceError {
  return new MillraceError('STATE_UNWRITABLE', { path, reason: error.message }, { cause: error })
}

function makePrivate(path: string): void {
  if (!existsSync(path)) makeFolder(dirname(path))
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

/** With a name that survives a power cut, as that of each folder above it: SQLite syncs the folder of its file, and no other. */
function makeFolder(path: string): void {
  const above = dirname(path)
  if (above === path) return
  // One that is there may have been made by a process that was killed before it came to this; one above ours may be somebody else's.
  if (existsSync(path)) return syncFolder(above, ['EACCES', 'EPERM', 'EINVAL', 'EROFS'])
  makeFolder(above)
  mkdirSync(path, { recursive: true })
  syncFolder(above, [])
}

function syncFolder(path: string, passed: readonly string[]): void {
  try {
    const folder = openSync(path, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  } catch (error) {
    if (!passed.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function assertSound(database: DatabaseSync, path: string): void {
  const found = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string } | undefined
  if (found?.quick_check !== 'ok') throw new MillraceError('STATE_CORRUPT', { path, reason: found?.quick_check ?? 'unreadable' })
}

function claim(database: DatabaseSync, path: string, pipeline: string): void {
  const read = database.prepare('SELECT value FROM meta WHERE key = ?')
  const schema = (read.get('schema') as { value: string } | undefined)?.value
  if (schema !== undefined && schema !== SCHEMA_VERSION) {
    throw new MillraceError('STATE_CORRUPT', { path, reason: `its layout is version ${schema}, this Millrace knows ${SCHEMA_VERSION}` })
  }
  const found = (read.get('pipeline') as { value: string } | undefined)?.value
  if (found !== undefined && found !== pipeline) throw new MillraceError('STATE_OTHER_PIPELINE', { path, found, expected: pipeline })
  if (found !== undefined) return
  inTransaction(database, () => {
    const write = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
    write.run('schema', SCHEMA_VERSION)
    write.run('pipeline', pipeline)
  })
}
