import type { Sink } from '../contracts/sink.ts'

/** What goes wrong, counted in calls of `write` and `flush` from 0. */
export type FaultPlan = {
  /** Fails before anything is done. */
  reject?: readonly number[]
  /** Does the work and then fails: the caller cannot know that it was done. */
  failAfter?: readonly number[]
  /** Waits for this before it does anything. */
  hold?: Readonly<Record<number, Promise<void>>>
  error?: () => Error
}

/** A sink that fails as planned. */
export function withFaults(sink: Sink, plan: FaultPlan): Sink {
  let calls = 0
  const fault = plan.error ?? (() => new Error('planned fault'))

  async function pass<T>(work: () => Promise<T>): Promise<T> {
    const call = calls++
    await plan.hold?.[call]
    if (plan.reject?.includes(call)) throw fault()
    const result = await work()
    if (plan.failAfter?.includes(call)) throw fault()
    return result
  }

  return {
    ...(sink.scan && { scan: sink.scan.bind(sink) }),
    ...(sink.beginAnew && { beginAnew: sink.beginAnew.bind(sink) }),
    ...(sink.furthest && { furthest: sink.furthest.bind(sink) }),
    ...(sink.batchBytes !== undefined && { batchBytes: sink.batchBytes }),
    get hasPending() {
      return sink.hasPending
    },
    resume: () => sink.resume(),
    write: (batch, signal) => pass(() => sink.write(batch, signal)),
    flush: (signal) => pass(() => sink.flush(signal)),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  }
}
