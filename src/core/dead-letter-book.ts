import type { DeadLetter, DeadLetters, NewDeadLetter } from '../contracts/dead-letters.ts'
import type { Change } from '../contracts/change.ts'
import type { Format } from '../contracts/format.ts'
import type { ChunkId, Position } from '../contracts/position.ts'
import { tableName, type Row, type Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import type { Clock } from './clock.ts'
import { packContent } from './dead-letter-content.ts'
import { placeOfChange, placeOfRow } from './dead-letter-places.ts'

const MINUTE_MS = 60_000

export type DeadLetterOptions = {
  store: DeadLetters
  /** More than this many set aside at once, or within a minute, is no longer a bad row here and there: the pipeline stops. */
  maxOpen: number
  maxAMinute: number
  /** How a change is written down for people: the native format. */
  words: Pick<Format, 'change' | 'read' | 'changeLine' | 'readLine'>
}

export type SetAside = { sink: string; code: string; message: string; waits: boolean }

/** The dead letters of a pipeline, with their limits. */
export function createDeadLetterBook({ store, maxOpen, maxAMinute, words }: DeadLetterOptions, clock: Clock) {
  const lately: number[] = []

  /** Durable when it resolves. Throws where it would be too many: then none of them is. */
  async function add(letters: readonly NewDeadLetter[]): Promise<void> {
    const open = (await store.list()).length + letters.length
    const nowMs = clock.now()
    while (lately[0] !== undefined && lately[0] < nowMs - MINUTE_MS) lately.shift()
    const last = letters.at(-1)
    if (open > maxOpen || lately.length + letters.length > maxAMinute)
      throw new MillraceError('DEAD_LETTERS_FULL', {
        sink: last?.sink ?? '',
        count: open,
        code: last?.code ?? '',
        reason: last?.message ?? '',
      })
    await store.add(letters)
    for (const _ of letters) lately.push(nowMs)
  }

  return {
    store,
    add,
    ofChange(change: Change, { sink, code, message, waits }: SetAside): NewDeadLetter {
      const position = change.op === 'message' ? change.position : change.tx.position
      return {
        ...{ sink, code, message, waits, op: change.op, position, ordinal: change.ordinal, timeMs: Date.now() },
        table: change.table && tableName(change.table),
        key: words.change(change)[0]?.key ?? null,
        place: placeOfChange(change),
        line: words.changeLine(change).trimEnd(),
        content: packContent({ change }),
      }
    },
    ofRow(
      { table, row, chunk, position, key }: { table: Table; row: Row; chunk: ChunkId; position: Position; key: string },
      { sink, code, message, waits }: SetAside,
    ): NewDeadLetter {
      const at = { position, chunk }
      return {
        ...{ sink, code, message, waits, op: 'read', position, ordinal: null, timeMs: Date.now() },
        table: tableName(table),
        key: words.read(table, row, at)[0]?.key ?? null,
        place: placeOfRow(chunk, key),
        line: words.readLine(table, row, at).trimEnd(),
        content: packContent({ table, row, chunk }),
      }
    },
  }
}

export type DeadLetterBook = ReturnType<typeof createDeadLetterBook>

/** In words, for logs: never a value. */
export function letterText({ sink, table, op, code }: Pick<DeadLetter, 'sink' | 'table' | 'op' | 'code'>): string {
  return `The sink ${sink} cannot take ${op === 'read' ? 'a row' : `the ${op}`} of ${table ?? 'a message'} (${code}); it was set aside. See \`millrace dlq list\`.`
}
