import type { Change } from './change.ts'
import type { Position } from './position.ts'

/** A change, or a row of a snapshot, that one sink could not take and that was set aside so that the rest goes on. */
export type DeadLetter = {
  id: number
  sink: string
  /** `schema.table`; null for a logical message. */
  table: string | null
  op: Change['op'] | 'read'
  /** The key as JSON, as in the native format; null where there is none. */
  key: string | null
  /** Of its transaction; of a row, where it was emitted. */
  position: Position
  /** Null of a row. */
  ordinal: number | null
  /** The error's code and message: never a value. */
  code: string
  message: string
  /** Set aside only because an earlier change of its key was: order within the key is kept. */
  waits: boolean
  /** When it was set aside, milliseconds since 1970. */
  timeMs: number
  /** How often the sink was asked to take it. */
  attempts: number
}

export type NewDeadLetter = Omit<DeadLetter, 'id' | 'attempts'> & {
  /** What names the change on every replay; unique in its sink. */
  place: string
  /** The change in full, as a line of the native format. */
  line: string
  /** The same, to be given again. */
  content: Uint8Array
}

export type DeadLetterChoice = { ids?: readonly number[]; sink?: string; table?: string; key?: string; code?: string }

/** The dead letters of one pipeline. Every write is durable when it resolves. */
export interface DeadLetters {
  /** One that is there already (same sink and place) stays as it is. */
  add(letters: readonly NewDeadLetter[]): Promise<void>
  /** In the order of the log. */
  list(choice?: DeadLetterChoice): Promise<readonly (DeadLetter & { place: string })[]>
  line(id: number): Promise<string | null>
  content(id: number): Promise<Uint8Array | null>
  failedAgain(id: number, error: { code: string; message: string }): Promise<void>
  remove(ids: readonly number[]): Promise<void>
}
