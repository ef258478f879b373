import type { DeadLetter, DeadLetters } from '../contracts/dead-letters.ts'
import type { Row, Table } from '../contracts/table.ts'
import { tableName } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { unpackContent } from './dead-letter-content.ts'
import type { GivenLetter, GuardedSink } from './dead-letter-guard.ts'
import { keyRow } from './dead-letter-places.ts'

export type RetrySink = {
  name: string
  shape: 'changes' | 'tables' | 'nothing'
  /** Whether it takes a change later than its place in the log. */
  takesLate: boolean
  retry: GuardedSink['retry'] | null
}

export type RetryPorts = {
  letters: DeadLetters
  sinks: readonly RetrySink[]
  tables(): readonly Table[]
  rereadKeys(table: Table, rows: readonly Row[]): void
  /** Resolves once the sink holds durably all that was handed out until now, reread rows among it. */
  settled(sink: string): Promise<void>
}

type Known = DeadLetter & { place: string }

/**
 * Gives dead letters again; returns how many were. Those of a key go together, in the order of the log, chosen or not.
 *
 * A sink that keeps the log gets the changes themselves. One that keeps tables gets the rows as they are now, read again from the
 * source: what came after the letter may have changed them since. Only what is durable is taken out of the store: a crash in between
 * leaves the letter, and it is given once more.
 */
export async function retryLetters(ports: RetryPorts, ids: readonly number[]): Promise<number> {
  const all = await ports.letters.list()
  const chosen = withTheirKeys(all, new Set(ids))
  for (const sink of ports.sinks) {
    const own = chosen.filter((letter) => letter.sink === sink.name)
    if (own.length === 0) continue
    if (sink.shape === 'tables') await rereadRows(ports, sink, own)
    else await giveAgain(ports, sink, own)
  }
  return chosen.length
}

function withTheirKeys(all: readonly Known[], ids: ReadonlySet<number>): readonly Known[] {
  const keyed = new Set(all.filter(({ id, key }) => ids.has(id) && key !== null).map(nameOf))
  return all.filter((letter) => ids.has(letter.id) || (letter.key !== null && keyed.has(nameOf(letter))))
}

const nameOf = ({ sink, table, key }: Known) => JSON.stringify([sink, table, key])

async function giveAgain(ports: RetryPorts, sink: RetrySink, letters: readonly Known[]): Promise<void> {
  if (!sink.takesLate || sink.retry === null) throw new MillraceError('DEAD_LETTER_LATE', { sink: sink.name })
  const given: GivenLetter[] = []
  for (const { id, place } of letters) {
    const content = await ports.letters.content(id)
    if (content) given.push({ id, place, content })
  }
  await sink.retry(given)
}

async function rereadRows(ports: RetryPorts, sink: RetrySink, letters: readonly Known[]): Promise<void> {
  const rows = new Map<Table, Row[]>()
  for (const letter of letters) {
    const table = ports.tables().find((each) => tableName(each) === letter.table)
    const row = table && (await keyOf(ports, letter, table))
    if (!table || !row) throw new MillraceError('DEAD_LETTER_REPAIR', { table: letter.table ?? '' })
    rows.set(table, [...(rows.get(table) ?? []), row])
  }
  for (const [table, keys] of rows) ports.rereadKeys(table, keys)
  await ports.settled(sink.name)
  await ports.letters.remove(letters.map(({ id }) => id))
}

/** The key columns of a letter, in the table as it is now; null where it has none, or they were others then. */
async function keyOf(ports: RetryPorts, { id }: Known, table: Table): Promise<Row | null> {
  const bytes = await ports.letters.content(id)
  const content = bytes && unpackContent(bytes)
  if (!content) return null
  const change = 'change' in content ? content.change : null
  if (change && (change.op === 'message' || change.op === 'truncate')) return null
  const { described, row } = change
    ? { described: change.table, row: keyRow(change) }
    : 'row' in content
      ? { described: content.table, row: content.row }
      : { described: table, row: [] }
  const byColumn = new Map<number, Row[number] | undefined>(described.columns.map((column, at) => [column.id, row[at]]))
  const key: Row = table.columns.map(() => null)
  for (const at of table.key) {
    const value = byColumn.get(table.columns[at]!.id) // a key names columns of its table
    if (value === undefined || value === null) return null
    key[at] = value
  }
  return table.key.length === 0 ? null : key
}
