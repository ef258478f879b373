import type { Change } from '../contracts/change.ts'
import type { Format } from '../contracts/format.ts'

/** The kinds of line that a look can show. */
export const TAIL_OPERATIONS = ['read', 'insert', 'update', 'delete', 'truncate', 'message'] as const
export type TailOperation = (typeof TAIL_OPERATIONS)[number]

export type LineChoice = {
  operations: ReadonlySet<TailOperation>
  /** Lines in all; null: without end. */
  limit: number | null
  /** Called once, with the last line. */
  onLast(): void
}

type Shown = Pick<Format, 'changeLine' | 'readLine'> & Partial<Pick<Format, 'control' | 'after' | 'lines'>>

/** Another format's lines: those chosen, and no more than the limit. What is left out is an empty text. What it tells beside them is not counted. */
export function createTailFormat(lines: Shown, choice: LineChoice): Format {
  let left = choice.limit ?? Infinity
  const take = (operation: TailOperation): boolean => {
    if (left === 0 || !choice.operations.has(operation)) return false
    left--
    if (left === 0) choice.onLast()
    return true
  }
  return {
    changeLine: (change: Change) => (take(change.op) ? lines.changeLine(change) : ''),
    readLine: (table, row, at) => (take('read') ? lines.readLine(table, row, at) : ''),
    change: () => [],
    read: () => [],
    control: (batch) => (left === 0 ? [] : (lines.control?.(batch) ?? [])),
    after: (batch) => (left === 0 ? [] : (lines.after?.(batch) ?? [])),
    ...(lines.lines ? { lines: lines.lines } : {}),
  }
}
