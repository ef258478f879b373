import type { Log } from '../contracts/sink.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import type { Clock } from './clock.ts'

const POLL_MS = 100

/** An answer as it travels: the result, or the error that the asker throws again. */
export type Answer = { result: unknown } | { error: { code: string; message: string; fields: Record<string, string | number> } }

/** What another process may ask of this pipeline, by kind of request. */
export type RequestHandlers = Readonly<Record<string, (args: unknown) => Promise<unknown>>>

/** Answers the requests of other processes until `signal` aborts. Each runs on its own: a long one holds no other up. */
export async function answerRequests(
  ports: { state: StateStore; handlers: RequestHandlers; log: Log; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const { state, handlers, log, clock } = ports
  const underWay = new Set<number>()

  async function answerOne(request: { id: number; kind: string; args: unknown }): Promise<void> {
    const handler = handlers[request.kind]
    // A kind not known here is a newer Millrace's: left alone, its asker hears nothing and says so.
    if (handler === undefined) return
    await state.answer(request.id, await outcomeOf(() => handler(request.args)))
  }

  while (!signal.aborted) {
    for (const request of await state.requests()) {
      if (underWay.has(request.id)) continue
      underWay.add(request.id)
      answerOne(request).catch((error: unknown) => log.warn('request-failed', { kind: request.kind, code: toMillraceError(error).code }))
    }
    await clock.sleep(POLL_MS, signal)
  }
}

async function outcomeOf(work: () => Promise<unknown>): Promise<Answer> {
  try {
    return { result: await work() }
  } catch (caught) {
    const { code, message, fields } = toMillraceError(caught)
    return { error: { code, message, fields: Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value)])) } }
  }
}

const plain = (value: string | number | bigint) => (typeof value === 'bigint' ? String(value) : value)
