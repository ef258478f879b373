import type { Batch, ChangesBatch, RowsBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { NewDeadLetter } from '../contracts/dead-letters.ts'
import { tableName, UNCHANGED } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { withRows } from './cut-batch.ts'
import type { DeadLetterBook } from './dead-letter-book.ts'
import { unpackContent } from './dead-letter-content.ts'
import { createKeyTexts, placeOfChange, placeOfRow } from './dead-letter-places.ts'

export type Sifted = { kept: Batch; waiting: readonly NewDeadLetter[] }

type Options = { sink: string; book: DeadLetterBook; shape: 'changes' | 'tables' | 'nothing' }

/**
 * Leaves out of batches what was set aside before, and what has to wait behind it.
 *
 * A sink that keeps the log gets the changes of a key in their order or not at all: what comes after one that lies aside lies
 * aside too. A sink that keeps tables needs only the last state of a row: a later change with the whole row takes its place, one
 * with holes cannot, for the row that it would fill is not there.
 */
export async function createSift({ sink, book, shape }: Options) {
  const places = new Set<string>()
  const keys = new Map<string, Set<string>>()
  const texts = createKeyTexts()
  for (const { id, place } of await book.store.list({ sink })) {
    places.add(place)
    const content = await book.store.content(id)
    if (content) noteKeys(unpackContent(content))
  }

  function noteKeys(content: ReturnType<typeof unpackContent>): void {
    if (!('change' in content)) return keep(tableName(content.table), texts.of(content.table, content.row))
    const { change } = content
    for (const key of texts.ofChange(change)) if (change.table) keep(tableName(change.table), key)
  }

  function keep(table: string, key: string | null): void {
    if (key === null) return
    const known = keys.get(table)
    if (known) known.add(key)
    else keys.set(table, new Set([key]))
  }

  function isWaiting(change: Change): boolean {
    const known = change.table && keys.get(tableName(change.table))
    if (!known) return false
    const own = texts.ofChange(change)
    if (!own.some((key) => known.has(key))) return false
    if (shape === 'changes') return true
    if (change.op === 'update' && change.after.includes(UNCHANGED)) return true
    // The whole row is there now, or it is gone: nothing waits for it any more.
    for (const key of own) known.delete(key)
    return false
  }

  function changes(batch: ChangesBatch): Sifted {
    if (places.size === 0) return { kept: batch, waiting: [] }
    const waiting: NewDeadLetter[] = []
    const left = batch.changes.filter((change) => {
      if (places.has(placeOfChange(change))) return false
      if (!isWaiting(change)) return true
      waiting.push(book.ofChange(change, { sink, ...WAITS }))
      places.add(placeOfChange(change))
      if (change.table) for (const key of texts.ofChange(change)) keep(tableName(change.table), key)
      return false
    })
    // The wire bytes still hold what was left out.
    const { raw: _, ...rest } = batch
    return { kept: left.length === batch.changes.length ? batch : { ...rest, changes: left }, waiting }
  }

  function rows(batch: RowsBatch): Sifted {
    const { table, chunk, end: position } = batch
    if (places.size === 0 || table.key.length === 0) return { kept: batch, waiting: [] }
    const waiting: NewDeadLetter[] = []
    const known = keys.get(tableName(table))
    const left = batch.rows().filter((row) => {
      const key = texts.of(table, row) ?? ''
      if (places.has(placeOfRow(chunk, key))) return false
      if (!known?.has(key)) return true
      if (shape !== 'changes') return known.delete(key)
      waiting.push(book.ofRow({ table, row, chunk, position, key }, { sink, ...WAITS }))
      places.add(placeOfRow(chunk, key))
      return false
    })
    return { kept: left.length === batch.rowCount ? batch : withRows(batch, left), waiting }
  }

  return {
    sift(batch: Batch): Sifted {
      if (batch.kind === 'changes') return changes(batch)
      return batch.kind === 'rows' ? rows(batch) : { kept: batch, waiting: [] }
    },
    /** These are taken, or given up: what comes next of their keys waits no more. */
    release(letters: readonly { place: string; content: Uint8Array }[]): void {
      for (const { place, content } of letters) {
        places.delete(place)
        const unpacked = unpackContent(content)
        const table = 'change' in unpacked ? unpacked.change.table : unpacked.table
        const own = 'change' in unpacked ? texts.ofChange(unpacked.change) : [texts.of(unpacked.table, unpacked.row) ?? '']
        if (table) for (const key of own) keys.get(tableName(table))?.delete(key)
      }
    },
  }
}

export type Sift = Awaited<ReturnType<typeof createSift>>

const { code, message } = new MillraceError('DEAD_LETTER_WAITS')
const WAITS = { code, message, waits: true }
