/** Replays NDJSON change files line by line, as any consumer could, and compares what remains with the source. */
import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Log } from '../src/contracts/sink.ts'
import { type Table, tableName } from '../src/contracts/table.ts'
import { createNative } from '../src/formats/native/native.ts'
import { definition as postgres } from '../src/sources/postgres/definition.ts'

type Line = {
  op: string
  key: object
  oldKey?: object
  after: Record<string, unknown> | null
  unchanged?: string[]
  position: string
  ordinal: number | null
}

export type Folded = { lines: number; rows: number; differing: number; repeated: number }

/**
 * `differing` counts rows that are missing, too many, or unlike the source in a column that the files have of them;
 * `repeated` counts changes that are there twice, by position and ordinal.
 */
export async function foldFiles(url: string, folder: string): Promise<Folded> {
  await using source = await postgres.open(postgres.config.parse({ url }), {
    pipeline: 'shop',
    batchBytes: 1 << 20,
    keyNeededBy: null,
    state: { get: async () => undefined, set: async () => {}, delete: async () => {} },
    log: SILENT,
  })
  const total: Folded = { lines: 0, rows: 0, differing: 0, repeated: 0 }
  for (const table of await source.tables()) {
    // Rows without a key cannot be told from each other.
    if (table.key.length === 0) continue
    const folded = new Map<string, Record<string, unknown>>()
    await foldTable(join(folder, tableName(table)), folded, total)
    total.rows += folded.size
    for await (const rows of source.scan(table, null, AbortSignal.timeout(60_000))) {
      for (const line of asLines(table, rows)) if (!takeEqual(folded, line)) total.differing++
    }
    total.differing += folded.size
  }
  return total
}

async function foldTable(folder: string, rows: Map<string, Record<string, unknown>>, total: Folded): Promise<void> {
  const met = new Set<string>()
  for (const name of readdirSync(folder).sort()) {
    for await (const text of createInterface({ input: createReadStream(join(folder, name)) })) {
      const line = parse(text)
      apply(rows, line)
      total.lines++
      if (line.op === 'read') continue
      const place = `${line.position} ${line.ordinal}`
      if (met.has(place)) total.repeated++
      met.add(place)
    }
  }
}

function apply(rows: Map<string, Record<string, unknown>>, line: Line): void {
  if (line.op === 'truncate') return void rows.clear()
  const key = JSON.stringify(line.key)
  const oldKey = line.oldKey ? JSON.stringify(line.oldKey) : key
  const old = rows.get(oldKey)
  if (line.op !== 'insert' && line.op !== 'read') rows.delete(oldKey)
  if (line.after) rows.set(key, line.unchanged?.length && old ? { ...old, ...line.after } : line.after)
}

/** Removes the row of this key, so that what remains at the end is too many. */
function takeEqual(folded: Map<string, Record<string, unknown>>, line: Line): boolean {
  const key = JSON.stringify(line.key)
  const row = folded.get(key)
  folded.delete(key)
  if (!row || !line.after) return false
  // A log says what a row was when it was written: columns added since are not in it, those renamed or dropped since are.
  const { after } = line
  return Object.entries(row).every(([column, value]) => !(column in after) || JSON.stringify(value) === JSON.stringify(after[column]))
}

function asLines(table: Table, rows: readonly Parameters<ReturnType<typeof createNative>['readLine']>[1][]): Line[] {
  const native = createNative()
  return rows.map((row) => parse(native.readLine(table, row, { position: '', chunk: '' })))
}

/** Numbers stay the text they are: an int8 has more digits than a double. */
function parse(text: string): Line {
  const keepDigits = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? (context?.source ?? value) : value
  return JSON.parse(text, keepDigits as Parameters<typeof JSON.parse>[1]) as Line
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }
