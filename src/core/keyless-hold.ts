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
  /** Takes a change, once; `bytes`: about its size. */
  take(change: KeylessChange, bytes: number): void
  /** What is held and not visible, in order, in portions. */
  remaining(isVisible: (xid: TransactionId) => boolean): Iterable<Portion>
  close(): void
}

export type KeylessChange = Exclude<Change, { op: 'message' }>

export type Portion = { changes: readonly KeylessChange[]; bytes: number }
type Filling = { changes: KeylessChange[]; bytes: number }

/** One portion, of memory or of the file, ends past either: what is handed out at once, and what is read back at once. */
const PORTION = { changes: 1000, bytes: 1 << 20 }

/** Holds up to `maxInMemory` changes of up to `maxBytes` in memory, the rest in a temporary file. */
export function createKeylessHold({
  maxInMemory = 20_000,
  maxBytes = 16 << 20,
}: { maxInMemory?: number; maxBytes?: number } = {}): KeylessHold {
  const memory: Filling[] = []
  let [heldChanges, heldBytes] = [0, 0]
  let portion: Filling = { changes: [], bytes: 0 }
  let file: PortionFile | null = null
  let last = ''
  return {
    take(change, bytes) {
      const place = `${change.tx.position}:${String(change.ordinal).padStart(16, '0')}`
      if (place <= last) return
      last = place
      portion.changes.push(withoutImage(change))
      portion.bytes += bytes
      if (portion.changes.length >= PORTION.changes || portion.bytes >= PORTION.bytes) putAway()
    },
    *remaining(isVisible) {
      for (const { changes, bytes } of portionsOf(memory, file, portion)) {
        const invisible = changes.filter((change) => !isVisible(change.tx.xid))
        if (invisible.length > 0) yield { changes: invisible, bytes }
      }
    },
    close() {
      file?.close()
      file = null
      memory.length = portion.changes.length = 0
    },
  }

  /** Once something lies in the file everything after it does: the order stays. */
  function putAway(): void {
    if (file === null && heldChanges < maxInMemory && heldBytes < maxBytes) {
      memory.push(portion)
      heldChanges += portion.changes.length
      heldBytes += portion.bytes
    } else {
      file ??= openPortionFile()
      file.append(portion)
    }
    portion = { changes: [], bytes: 0 }
  }
}

function* portionsOf(memory: readonly Portion[], file: PortionFile | null, rest: Portion): Generator<Portion> {
  yield* memory
  if (file) yield* file.read()
  yield rest
}

type PortionFile = { append(portion: Portion): void; read(): Iterable<Portion>; close(): void }

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
    append(portion) {
      const changes = portion.changes.map((change) => pack(change, indexOf(change.table)))
      const bytes = serialize({ changes, bytes: portion.bytes } satisfies PackedPortion)
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      for (const part of [length, bytes]) end += writeAll(descriptor, part, end)
    },
    *read() {
      for (let at = 0; at < end;) {
        const length = readAll(descriptor, at, 4).readUInt32LE()
        // Written by append above.
        const packed = deserialize(readAll(descriptor, at + 4, length)) as PackedPortion
        at += 4 + length
        yield { changes: packed.changes.map((each) => unpack(each, tables)), bytes: packed.bytes }
      }
    },
    close: () => closeSync(descriptor),
  }
}

/** Held for long: an image would keep the whole read alive that its few bytes came in. */
function withoutImage(change: KeylessChange): KeylessChange {
  if (change.op === 'truncate' || change.op === 'delete' || !change.image) return change
  const { op, table, before, oldKey, after, ordinal, tx } = change
  return { op, table, before, oldKey, after, ordinal, tx } as KeylessChange // the same members, but for the image
}

type PackedPortion = { changes: Packed[]; bytes: number }
type Packed = { table: number; tx: Transaction; before: PackedRow; oldKey: PackedRow; after: PackedRow; rest: Record<string, unknown> }
type PackedRow = { row: Row; unchanged: number[] } | null

function pack(change: KeylessChange, table: number): Packed {
  if (change.op === 'truncate') {
    const { table: _, tx, ...rest } = change
    return { table, tx, before: null, oldKey: null, after: null, rest }
  }
  const { op, tx, before, oldKey, after, ordinal } = change
  return { table, tx, before: packRow(before), oldKey: packRow(oldKey), after: packRow(after), rest: { op, ordinal } }
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
