import type { Position } from '../contracts/position.ts'
import type { Row, Table } from '../contracts/table.ts'

export type VerifyOptions = {
  /** The end of the source's log now. */
  head(): Promise<Position>
  /** Resolves once the sink holds everything before `position`, at once where no pipeline runs; `false` where it did not in good time. */
  passed(position: Position): Promise<boolean | void>
  /** Reads these keys in one snapshot of the source, brings the sink to where that was, and compares while the sink is held there; null where that failed. */
  held?<T>(table: Table, keys: readonly Row[], compare: (rows: readonly Row[]) => Promise<T>): Promise<T | null>
  /** Told what is being done, often. */
  progress?(text: string): void
  /** Whether keys are to be looked at no longer. */
  isLate?(): boolean
  signal: AbortSignal
}

export type Scan = (table: Table, keys: readonly Row[] | null, signal: AbortSignal) => AsyncIterable<readonly Row[]>

/** `key` holds the key's columns as text; a keyless row has `hash` only. */
export type Difference = { key: Record<string, string | null>; what: 'missing' | 'extra' | 'different' }
