import assert from 'node:assert/strict'
import type { Batch } from '../contracts/batch.ts'
import type { Sink, SinkCapabilities } from '../contracts/sink.ts'
import { tableName, type Row, type Table } from '../contracts/table.ts'
import { canonicalEquals } from '../values/canonical-equals.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { createPlainFormat } from './plain-format.ts'
import type { SinkPlace } from './sink-conformance.ts'
import { createTableModel } from './table-model.ts'

const signal = new AbortController().signal

export type Expectation = {
  capabilities: SinkCapabilities
  place: SinkPlace
  open(): Promise<{ sink: Sink }>
  batches: readonly Batch[]
  tables: readonly Table[]
}

/** What lies at the place is what these batches make, each once and in order. */
export async function expectHolds({ capabilities, place, open, batches, tables }: Expectation): Promise<void> {
  if (capabilities.shape === 'nothing') return
  for (const table of tables) {
    const expected = place.keepsLastCopy ? withoutOldCopies(batches, table) : batches
    if (place.lines) assert.deepEqual(await place.lines(table), expectedLines(expected, table), tableName(table))
    else await expectRows({ place, open, batches }, table)
  }
}

/** The batches without the rows of copies that a later one has followed. */
function withoutOldCopies(batches: readonly Batch[], table: Table): Batch[] {
  const ends = batches.flatMap((batch) => (batch.kind === 'control' && batch.event === 'snapshot-end' ? [batch] : []))
  const last = ends.findLast((end) => tableName(end.table) === tableName(table))
  const isOld = (batch: Batch) => batch.kind === 'rows' && last !== undefined && !batch.chunk.includes(`/${last.generation}/`)
  return batches.filter((batch) => !isOld(batch))
}

function expectedLines(batches: readonly Batch[], table: Table): string[] {
  const format = createPlainFormat()
  const ours = (other: Table | null): boolean => other !== null && tableName(other) === tableName(table)
  const lines: string[] = []
  for (const batch of batches) {
    if (batch.kind === 'changes')
      for (const change of batch.changes) if (ours(change.table)) lines.push(format.changeLine(change).trimEnd())
    if (batch.kind !== 'rows' || !ours(batch.table)) continue
    for (const row of batch.rows()) lines.push(format.readLine(batch.table, row, { position: batch.end, chunk: batch.chunk }).trimEnd())
  }
  return lines
}

async function expectRows({ place, open, batches }: Pick<Expectation, 'place' | 'open' | 'batches'>, table: Table): Promise<void> {
  const model = createTableModel()
  for (const batch of batches) model.apply(batch)
  const found = byKey(table, place.rows ? await place.rows(table) : await scanned(open, table))
  const expected = byKey(table, model.rows(table))
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort(), `keys of ${tableName(table)}`)
  for (const [key, row] of expected) expectRow(table, found.get(key) ?? [], row)
}

function expectRow(table: Table, found: Row, expected: Row): void {
  for (const [at, column] of table.columns.entries()) {
    if (!canonicalEquals(found[at] ?? null, expected[at] ?? null))
      assert.deepEqual(found[at], expected[at], `${tableName(table)}.${column.name}`)
  }
}

function byKey(table: Table, rows: readonly Row[]): Map<string, Row> {
  const keyOf = createKeyOf(table)
  const found = new Map(rows.map((row) => [keyOf(row), row]))
  assert.equal(found.size, rows.length, `rows of ${tableName(table)} with a key of their own`)
  return found
}

async function scanned(open: Expectation['open'], table: Table): Promise<Row[]> {
  const { sink } = await open()
  assert.ok(sink.scan, 'a sink of shape `tables` has `scan`, or its place has `rows`')
  const rows: Row[] = []
  for await (const some of sink.scan(table, null, signal)) rows.push(...some)
  await sink[Symbol.asyncDispose]()
  return rows
}
