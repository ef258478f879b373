import type { DeadLetter, DeadLetters } from '../contracts/dead-letters.ts'
import type { Row, Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { unpackContent, type LetterContent } from './dead-letter-content.ts'
import type { GivenLetter, GuardedSink } from './dead-letter-guard.ts'
import { withTheirKeys } from './dead-letter-families.ts'
import { keyRow } from './dead-letter-places.ts'

export type RetrySink = {
  name: string
  shape: 'changes' | 'tables' | 'nothing'
  /** Whether it takes a change later than its place in the log. */
  takesLate: boolean
  letters: Pick<GuardedSink, 'retry' | 'admit'> | null
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
  const chosen = await withTheirKeys(ports.letters, all, new Set(ids))
  for (const sink of ports.sinks) {
    const own = chosen.filter((letter) => letter.sink === sink.name)
    if (own.length === 0) continue
    if (sink.shape === 'tables') await rereadRows(ports, sink, own)
    else await giveAgain(ports, sink, own)
  }
  return chosen.length
}

async function giveAgain(ports: RetryPorts, sink: RetrySink, letters: readonly Known[]): Promise<void> {
  if (!sink.takesLate || sink.letters === null) throw new MillraceError('DEAD_LETTER_LATE', { sink: sink.name })
  const given: GivenLetter[] = []
  for (const { id, place } of letters) {
    const content = await ports.letters.content(id)
    if (content) given.push({ id, place, content })
  }
  await sink.letters.retry(given)
}

async function rereadRows(ports: RetryPorts, sink: RetrySink, letters: readonly Known[]): Promise<void> {
  const rows = new Map<Table, Row[]>()
  for (const letter of letters) {
    const bytes = await ports.letters.content(letter.id)
    const held = bytes && rowOf(unpackContent(bytes))
    // By its number: a transform may have given it another name.
    const table = held && ports.tables().find(({ id }) => id === held.table.id)
    const key = table && keyIn(table, held)
    if (!table || !key) throw new MillraceError('DEAD_LETTER_REPAIR', { table: letter.table ?? '' })
    rows.set(table, [...(rows.get(table) ?? []), key])
  }
  // Else what was refused before is left out where it is read again, and counts as taken.
  sink.letters?.admit(letters.map(({ place }) => place))
  for (const [table, keys] of rows) ports.rereadKeys(table, keys)
  await ports.settled(sink.name)
  await ports.letters.remove(letters.map(({ id }) => id))
}

type Held = { table: Table; row: Row }

/** Null where reading one row again does not make it up: of a row that went away, or got another key, the sink may still hold the old one. */
function rowOf(content: LetterContent): Held | null {
  if (!('change' in content)) return content
  const { change } = content
  if (change.op !== 'insert' && change.op !== 'update') return null
  return change.oldKey === null ? { table: change.table, row: keyRow(change) } : null
}

/** The key columns of what is held, in the table as it is now; null where it has none, or they were others then (a transform may have made them so). */
function keyIn(table: Table, held: Held): Row | null {
  const places = new Map(held.table.columns.map((column, at) => [column.id, at]))
  const key: Row = table.columns.map(() => null)
  for (const at of table.key) {
    const { id, type } = table.columns[at]! // a key names columns of its table
    const place = places.get(id) ?? -1
    const value = held.row[place]
    if (value === undefined || value === null || held.table.columns[place]?.type.kind !== type.kind) return null
    key[at] = value
  }
  return table.key.length === 0 ? null : key
}
