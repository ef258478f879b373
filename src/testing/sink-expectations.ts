import assert from 'node:assert/strict'
import type { Batch } from '../contracts/batch.ts'
import type { Format } from '../contracts/format.ts'
import type { Sink, SinkCapabilities } from '../contracts/sink.ts'
import { tableName, type Row, type Table } from '../contracts/table.ts'
import { canonicalEquals } from '../values/canonical-equals.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { expectMessages } from './message-expectations.ts'
import { expectRuns } from './expect-runs.ts'
import { createPlainFormat } from './plain-format.ts'
import type { SinkPlace } from './sink-subject.ts'
import { createTableModel } from './table-model.ts'

const signal = new AbortController().signal

/**
 * What a place was given: `first` to a sink that ended somehow, of which the first `sure` batches were durable; `last` to the one after
 * it, to its end. `all`: the batches of both, each once.
 */
export type Given = { first: readonly Batch[]; sure: number; last: readonly Batch[]; all: readonly Batch[] }

export type Expectation = {
  capabilities: SinkCapabilities
  place: SinkPlace
  format: Format
  open(): Promise<{ sink: Sink }>
  given: Given
  tables: readonly Table[]
}

/** What lies at the place is what these batches make, in order: each once, or again only what no checkpoint covered. */
export async function expectHolds({ capabilities, place, format, open, given, tables }: Expectation): Promise<void> {
  if (capabilities.shape === 'nothing') return
  if (place.messages) return expectMessages(await place.messages(), { given, format, dropsTombstones: place.dropsTombstones ?? false })
  for (const table of tables) {
    const trimmed = place.keepsLastCopy ? withoutOldCopies(given, table) : given
    if (place.lines) expectRuns(await place.lines(table), { ...linesOfRuns(trimmed, table), what: tableName(table) })
    else if (capabilities.shape === 'tables') await expectRows({ place, open, batches: given.all }, table)
  }
}

/** The batches without the rows of copies that a later one has followed. */
function withoutOldCopies({ first, sure, last, all }: Given, table: Table): Given {
  const ends = all.flatMap((batch) => (batch.kind === 'control' && batch.event === 'snapshot-end' ? [batch] : []))
  const end = ends.findLast((each) => tableName(each.table) === tableName(table))
  const isKept = (batch: Batch) => batch.kind !== 'rows' || end === undefined || batch.chunk.includes(`/${end.generation}/`)
  return { first: first.filter(isKept), sure: first.slice(0, sure).filter(isKept).length, last: last.filter(isKept), all }
}

function linesOfRuns({ first, sure, last }: Given, table: Table) {
  return {
    first: expectedLines(first, table),
    sure: expectedLines(first.slice(0, sure), table).length,
    last: expectedLines(last, table),
  }
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

type RowsExpectation = Pick<Expectation, 'place' | 'open'> & { batches: readonly Batch[] }

async function expectRows({ place, open, batches }: RowsExpectation, table: Table): Promise<void> {
  const model = createTableModel()
  for (const batch of batches) model.apply(batch)
  expectSameRows(table, place.rows ? await place.rows(table) : await scanned(open, table), model.rows(table))
}

/** In any order. Of a table without a key, equal rows count. */
export function expectSameRows(table: Table, actual: readonly Row[], wanted: readonly Row[]): void {
  const found = byKey(table, actual)
  const expected = byKey(table, wanted)
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
  const found = new Map<string, Row>()
  for (const row of rows) {
    const key = keyOf(row)
    if (table.key.length > 0) assert.ok(!found.has(key), `rows of ${tableName(table)} with a key of their own`)
    let nth = 0
    while (table.key.length === 0 && found.has(`${key} ${nth}`)) nth++
    found.set(table.key.length > 0 ? key : `${key} ${nth}`, row)
  }
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
