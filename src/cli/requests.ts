/** Questions to a running pipeline, and its answers, by way of the state store. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { Answer } from '../core/requests.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import type { ErrorCode } from '../errors/table.ts'
import { openKnownState, runningProcess } from './pipeline-parts.ts'

const ALIVE_MS = 10_000
const LOOK_MS = 1000

export type AskedRequest = {
  kind: string
  args: unknown
  timeoutMs: number
  /** Where the running process leaves news of a long work, and who is told of them. */
  news?: { key: string; tell(text: string): void }
}

/** Asks the running process; an error there is thrown here. One that answers nothing at all is said to be silent. */
export async function askRunning(config: Config, request: AskedRequest): Promise<unknown> {
  await using state = await openKnownState(config)
  const silent = new MillraceError('PIPELINE_SILENT', { pipeline: config.name, seconds: ALIVE_MS / 1000 })
  if (!state || (await state.ask('ping', null, ALIVE_MS)) === null) throw silent
  const ended = new AbortController()
  if (request.news) tellNews(state, request.news, ended.signal).catch(() => {})
  try {
    const answer = (await Promise.race([
      state.ask(request.kind, request.args, request.timeoutMs),
      processGone(config, request.kind, ended.signal),
    ])) as Answer | null // what core/requests.ts writes
    if (answer === null) throw silent
    if ('error' in answer) throw new MillraceError(answer.error.code as ErrorCode, answer.error.fields)
    return answer.result
  } finally {
    ended.abort()
  }
}

async function tellNews(state: StateStore, { key, tell }: NonNullable<AskedRequest['news']>, signal: AbortSignal): Promise<void> {
  for (let last: unknown = null; ; await delay(LOOK_MS / 2, undefined, { signal })) {
    const text = await state.get(key)
    if (typeof text === 'string' && text !== last) tell(text)
    last = text
  }
}

async function processGone(config: Config, what: string, signal: AbortSignal): Promise<never> {
  while ((await runningProcess(config)) !== null) await delay(LOOK_MS, undefined, { signal })
  throw new MillraceError('PIPELINE_NOT_RUNNING', { pipeline: config.name, what })
}
