import type { DeadLetters } from './dead-letters.ts'
import type { SinkState } from './sink.ts'

/** Where a pipeline's memory lives: facts, plans, sinks' checkpoints, requests of other processes. Every write is durable when it resolves. */
export interface StateStore extends AsyncDisposable {
  /** Small JSON facts of the pipeline by name (`system`, `timeline`, `acknowledged`, `plans/<schema.table>` …). */
  get(key: string): Promise<unknown>
  set(entries: Record<string, unknown>): Promise<void>
  delete(key: string): Promise<void>
  keys(prefix: string): Promise<readonly string[]>
  sink(name: string): SinkState
  readonly deadLetters: DeadLetters
  /** Removes a sink's record. */
  forgetSink(name: string): Promise<void>
  /** Asks the running process; resolves to its answer, or null where none answered within `timeoutMs`. */
  ask(kind: string, args: unknown, timeoutMs: number): Promise<unknown>
  /** Unanswered requests, for the running process. */
  requests(): Promise<readonly { id: number; kind: string; args: unknown }[]>
  answer(id: number, answer: unknown): Promise<void>
}
