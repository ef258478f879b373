/** Questions to a running pipeline, and its answers, by way of the state store. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { MillraceError, toMillraceError, type ErrorFields } from '../errors/millrace-error.ts'
import type { ErrorCode } from '../errors/table.ts'
import { openKnownState, runningProcess } from './pipeline-parts.ts'

type Answer = { ok: unknown } | { error: { code: ErrorCode; fields: ErrorFields } }

const ALIVE_MS = 10_000
const LOOK_MS = 1000

/** Asks the running process; an error there is thrown here. One that does not answer at all is said to be silent. */
export async function askRunning(config: Config, request: { kind: string; args: unknown; timeoutMs: number }): Promise<unknown> {
  await using state = await openKnownState(config)
  const silent = new MillraceError('PIPELINE_SILENT', { pipeline: config.name, seconds: ALIVE_MS / 1000 })
  if (!state || (await state.ask('ping', null, Math.min(ALIVE_MS, request.timeoutMs))) === null) throw silent
  const ended = new AbortController()
  try {
    const answer = (await Promise.race([
      state.ask(request.kind, request.args, request.timeoutMs),
      processGone(config, request.kind, ended.signal),
    ])) as Answer | null // what `answerWith` wrote
    if (answer === null) throw silent
    if ('error' in answer) throw new MillraceError(answer.error.code, answer.error.fields)
    return answer.ok
  } finally {
    ended.abort()
  }
}

/** The answer to a request, or the error that it met. */
export async function answerWith(work: () => Promise<unknown>): Promise<Answer> {
  try {
    return { ok: await work() }
  } catch (error) {
    const { code, fields } = toMillraceError(error)
    return { error: { code, fields: plainFields(fields) } }
  }
}

function plainFields(fields: ErrorFields): ErrorFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]))
}

async function processGone(config: Config, what: string, signal: AbortSignal): Promise<never> {
  while ((await runningProcess(config)) !== null) await delay(LOOK_MS, undefined, { signal })
  throw new MillraceError('PIPELINE_NOT_RUNNING', { pipeline: config.name, what })
}
