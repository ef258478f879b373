import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { Change, Transaction } from '../contracts/change.ts'
import type { TransactionId } from '../contracts/position.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'

/**
 * The stream's changes of a table without a key, kept back while its copy is under way: no key can tell which rows they touch.
 * After the copy those visible to it are dropped (its rows show them), the others delivered in their order.
 *
 * It need not survive a crash: until the copy's end is durable a restart copies the table anew, in a snapshot that shows them all.
 */
export type KeylessHold = {
  /** Takes a change, once. */
  take(change: KeylessChange): void
  /** What is held and not visible, in order, in portions. */
  remaining(isVisible: (xid: TransactionId) => boolean): Iterable<readonly KeylessChange[]>
  close(): void
}

export type KeylessChange = Exclude<Change, { op: 'message' }>

/** Changes in one portion: of memory past the bound, of the file, and of what is handed out. */
const PORTION = 1000

/** Holds up to `maxInMemory` changes in memory, the rest in a temporary file. */
export function createKeylessHold({ maxInMemory = 20_000 }: { maxInMemory?: number } = {}): KeylessHold {
  const memory: KeylessChange[] = []
  let portion: KeylessChange[] = []
  let file: PortionFile | null = null
  let last = ''
  return {
    take(change) {
      const place = `${change.tx.position}:${String(change.ordinal).padStart(16, '0')}`
      if (place <= last) return
      last = place
      if (memory.length < maxInMemory) memory.push(change)
      else if (portion.push(change) >= PORTION) {
        file ??= openPortionFile()
        file.append(portion)
        portion = []
      }
    },
    *remaining(isVisible) {
      for (const part of portionsOf(memory, file, portion)) {
        const invisible = part.filter((change) => !isVisible(change.tx.xid))
        if (invisible.length > 0) yield invisible
      }
    },
    close() {
      file?.close()
      file = null
      memory.length = portion.length = 0
    },
  }
}

function* portionsOf(memory: readonly KeylessChange[], file: PortionFile | null, rest: readonly KeylessChange[]) {
  for (let at = 0; at < memory.length; at += PORTION) yield memory.slice(at, at + PORTION)
  if (file) yield* file.read()
  yield rest
}

type PortionFile = { append(changes: readonly KeylessChange[]): void; read(): Iterable<KeylessChange[]>; close(): void }

/** Portions one after the other, each with its length in front. Tables and transactions are kept once, aside: they are shared objects. */
function openPortionFile(): PortionFile {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-hold-'))
  const descriptor = openSync(join(folder, 'changes'), 'wx+', 0o600)
  // Unlinked while open: the space is free again when the process ends, in whatever way.
  rmSync(folder, { recursive: true, force: true })
  const tables: Table[] = []
  let end = 0
  const indexOf = (table: Table) => {
    if (tables.at(-1) !== table) tables.push(table)
    return tables.length - 1
  }
  return {
    append(changes) {
      const bytes = serialize(changes.map((change) => pack(change, indexOf(change.table))))
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      for (const part of [length, bytes]) end += writeAll(descriptor, part, end)
    },
    *read() {
      for (let at = 0; at < end;) {
        const length = readAll(descriptor, at, 4).readUInt32LE()
        // Written by append above.
        const packed = deserialize(readAll(descriptor, at + 4, length)) as Packed[]
        at += 4 + length
        yield packed.map((each) => unpack(each, tables))
      }
    },
    close: () => closeSync(descriptor),
  }
}

type Packed = { table: number; tx: Transaction; before: PackedRow; oldKey: PackedRow; after: PackedRow; rest: Record<string, unknown> }
type PackedRow = { row: Row; unchanged: number[] } | null

function pack(change: KeylessChange, table: number): Packed {
  const { table: _, tx, before = null, oldKey = null, after = null, ...rest } = { before: null, oldKey: null, after: null, ...change }
  return { table, tx, before: packRow(before), oldKey: packRow(oldKey), after: packRow(after), rest }
}

function unpack({ table, tx, before, oldKey, after, rest }: Packed, tables: readonly Table[]): KeylessChange {
  const rows = rest.op === 'truncate' ? {} : { before: unpackRow(before), oldKey: unpackRow(oldKey), after: unpackRow(after) }
  // The same fields as were packed, of a KeylessChange.
  return { ...rest, ...rows, table: tables[table], tx } as unknown as KeylessChange
}

/** A symbol cannot be serialised: its places are noted. */
function packRow(row: Row | null): PackedRow {
  if (row === null) return null
  const unchanged = row.flatMap((value, index) => (value === UNCHANGED ? [index] : []))
  return { row: unchanged.length === 0 ? row : row.map((value) => (value === UNCHANGED ? null : value)), unchanged }
}

function unpackRow(packed: PackedRow): Row | null {
  for (const index of packed?.unchanged ?? []) packed!.row[index] = UNCHANGED
  return packed?.row ?? null
}

function writeAll(descriptor: number, bytes: Buffer, at: number): number {
  let written = 0
  try {
    while (written < bytes.length) written += writeSync(descriptor, bytes, written, bytes.length - written, at + written)
  } catch (error) {
    throw new MillraceError('SINK_IO', { sink: 'snapshot', path: tmpdir(), reason: (error as Error).message }, { cause: error })
  }
  return written
}

function readAll(descriptor: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let read = 0
  while (read < length) {
    const got = readSync(descriptor, bytes, read, length - read, at + read)
    if (got === 0) throw new MillraceError('BUG', { reason: 'the file of held changes is shorter than what was written' })
    read += got
  }
  return bytes
}
