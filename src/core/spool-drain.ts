import type { Position } from '../contracts/position.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import { createDeferred } from '../lib/deferred.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { mayStop, noteFailure, OF_ALL, type Aside } from './run-aside.ts'
import { asPartFailure } from './run-failure.ts'
import type { InnerSink, PipelineSink } from './run-resume.ts'
import { openLife, type Life, type LifePorts } from './spool-life.ts'

export type DrainPorts = Omit<LifePorts, 'moved' | 'released'> & {
  moved(): void
  /** For what is no failure of the sink. */
  failed(error: unknown): void
}

export type Drain = {
  /** The sink itself, while it is open. */
  readonly inner: InnerSink | null
  /** Its failures in a row; null once it works again. */
  readonly failing: Aside | null
  /** How far the sink itself is; null before it was open. */
  readonly place: { durable: Position | null; passed: Position } | null
  want(position: Position): void
  /** Resolves when space was given back. */
  released(): Promise<void>
  /** Resolves when it is over: the sink took over, or it was ended. */
  over: Promise<void>
}

/** More in a row than any one refusal takes to be found. */
const MOST_SOUGHT = 100

/**
 * Gives what lies in a spool to the sink itself, through a lane of its own: so what is durable, and what a record leaves out, is decided as
 * everywhere. After a failure the sink is opened again, after a pause, and the spool read from its first segment: what the sink holds by its
 * record it is not given.
 *
 * Why nothing is lost: a segment goes only after the lane said durable of all in it, and that was written down. The sink takes over only when
 * everything that lies here is durable in it, while nothing is being added.
 */
export function startDrain(part: PipelineSink, ports: DrainPorts): Drain {
  const { run, signal } = ports
  const { name } = part
  let life: Life | null = null
  let place: Drain['place'] = null
  let failing = run.aside.get(name)?.isAside ? (run.aside.get(name) ?? null) : null
  let wanted: Position[] = []
  let sought = 0
  let releases = createDeferred<void>()

  async function drain(): Promise<void> {
    while (!signal.aborted) {
      await pause()
      if (signal.aborted) return
      try {
        return await live()
      } catch (caught) {
        if (!signal.aborted) note(caught)
      }
    }
  }

  /** As long as the failures in a row ask for; for good where it needs somebody. */
  async function pause(): Promise<void> {
    if (failing?.isStopped) return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    const restMs = (failing?.dueMs ?? 0) - run.clock.now()
    if (failing && restMs > 0) await run.clock.sleep(restMs, signal)
  }

  async function live(): Promise<void> {
    await orAborted(Promise.resolve(run.closing.get(name)), signal)
    const opening = openLife(part, {
      ...ports,
      moved(at) {
        failing = null
        sought = 0
        place = at
        ports.moved()
      },
      released() {
        releases.resolve()
        releases = createDeferred()
      },
    })
    const opened = await orAborted(opening, signal).catch((error: unknown) => {
      // Nobody waits for what becomes of it.
      opening.then((late) => late.close()).catch(() => {})
      throw error
    })
    life = opened
    for (const position of wanted) opened.lane.want(position)
    try {
      await opened.feed()
    } finally {
      life = null
      await opened.close()
    }
  }

  function note(caught: unknown): void {
    const error = toMillraceError(caught)
    // No failure of the sink: it is asked again at once, for less.
    if (error.code === 'DEAD_LETTER_MADE') return void (sought = 0)
    // Not for ever: then what it said is the error.
    if (error.code === 'DEAD_LETTER_SOUGHT' && ++sought <= MOST_SOUGHT) return
    if (error.code === 'DEAD_LETTER_SOUGHT') throw asPartFailure(name, error.cause)
    const isStopped = error.kind !== 'transient'
    if (OF_ALL.test(error.code) || (isStopped && !mayStop(run.options, error))) throw asPartFailure(name, error)
    failing = noteFailure(run, name, { error, isStopped })
  }

  return {
    get inner() {
      return life?.inner ?? null
    },
    get failing() {
      return failing
    },
    get place() {
      return place
    },
    want(position) {
      wanted.push(position)
      wanted = wanted.filter((each) => each > (place?.passed ?? ''))
      life?.lane.want(position)
    },
    released: () => releases.promise,
    over: drain().catch(ports.failed),
  }
}
