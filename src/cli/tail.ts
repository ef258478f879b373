import { runPipeline } from '../core/run-pipeline.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { catchSignals } from './signals.ts'
import { createTailFormat } from './tail-format.ts'
import { chosenFormat, lookConfig, operationsOf, withDefaultFile, type TailCliOptions } from './tail-options.ts'
import { pipelineOf } from './tail-pipeline.ts'
import { openTerminal } from './terminal.ts'

/** Shows the changes of a live database on standard output until stopped. Nothing that it makes there outlives it. */
export async function tail(given: TailCliOptions): Promise<number> {
  const options = withDefaultFile(given)
  const operations = operationsOf(options)
  const format = await chosenFormat(options)
  const config = await lookConfig(options)
  const terminal = await openTerminal(options)
  const signals = catchSignals({ ...terminal, say() {} })
  const last = new AbortController()
  const chosen = createTailFormat(format, { operations, limit: options.limit ?? null, onLast: () => last.abort() })
  const failures: unknown[] = []
  const refused = (error: unknown) => {
    failures.push(error)
    last.abort()
  }
  const drain = AbortSignal.any([signals.drain, last.signal])
  try {
    await runPipeline(await pipelineOf(config, { options, operations, terminal, format: chosen, drain, abort: signals.abort, refused }))
    if (failures.length > 0 && !signals.drain.aborted) throw failures[0]
    return 0
  } catch (error) {
    // `millrace tail … | head -3`: the reader has what it wanted.
    if (error instanceof MillraceError && error.code === 'SINK_READER_GONE') return 0
    // Stopped while it was still being opened: what waited for the server was broken off.
    if (signals.drain.aborted && error instanceof MillraceError && isAbort(error.cause)) return 0
    throw error
  } finally {
    signals.release()
  }
}

function isAbort(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'AbortError'
}
