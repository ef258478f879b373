import type { Batch, ChangesBatch, RowsBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { NewDeadLetter } from '../contracts/dead-letters.ts'
import { tableName, UNCHANGED } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { withRows } from './cut-batch.ts'
import type { DeadLetterBook } from './dead-letter-book.ts'
import { unpackContent, type LetterContent } from './dead-letter-content.ts'
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
  /** By table and key: the places of those that lie aside. While one does, what comes next of the key waits. */
  const keys = new Map<string, Map<string, Set<string>>>()
  const texts = createKeyTexts()
  for (const { id, place } of await book.store.list({ sink })) {
    places.add(place)
    const content = await book.store.content(id)
    if (content) noteKeys(unpackContent(content), place)
  }

  function noteKeys(content: LetterContent, place: string): void {
    places.add(place)
    const { table, own } = keysOf(content)
    for (const key of own) keep(table, { key, place })
  }

  function keysOf(content: LetterContent): { table: string; own: readonly string[] } {
    const table = 'change' in content ? content.change.table : content.table
    const own = 'change' in content ? texts.ofChange(content.change) : [texts.of(content.table, content.row)]
    return { table: table ? tableName(table) : '', own: own.filter((key) => key !== null) }
  }

  function keep(table: string, { key, place }: { key: string; place: string }): void {
    const known = keys.get(table) ?? new Map<string, Set<string>>()
    keys.set(table, known.set(key, (known.get(key) ?? new Set()).add(place)))
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
      noteKeys({ change }, placeOfChange(change))
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
      noteKeys({ table, row, chunk }, placeOfRow(chunk, key))
      return false
    })
    return { kept: left.length === batch.rowCount ? batch : withRows(batch, left), waiting }
  }

  return {
    sift(batch: Batch): Sifted {
      if (batch.kind === 'changes') return changes(batch)
      return batch.kind === 'rows' ? rows(batch) : { kept: batch, waiting: [] }
    },
    /** These are given where they come again. */
    admit(asked: readonly string[]): void {
      for (const place of asked) places.delete(place)
    },
    /** These are taken, or given up: what comes next of their keys waits no more. */
    release(letters: readonly { place: string; content: Uint8Array }[]): void {
      for (const { place, content } of letters) {
        places.delete(place)
        const { table, own } = keysOf(unpackContent(content))
        for (const key of own) {
          const lying = keys.get(table)?.get(key)
          lying?.delete(place)
          if (lying?.size === 0) keys.get(table)?.delete(key)
        }
      }
    },
  }
}

export type Sift = Awaited<ReturnType<typeof createSift>>

const { code, message } = new MillraceError('DEAD_LETTER_WAITS')
const WAITS = { code, message, waits: true }
