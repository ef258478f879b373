import type { StateStore } from '../contracts/state-store.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'

/** What a running process is at, for who asks while it cannot answer by itself. Times are milliseconds since 1970. */
export type Phase =
  | { phase: 'opening'; sinceMs: number }
  | { phase: 'waiting'; sinceMs: number; text: string }
  | { phase: 'retrying'; sinceMs: number; part: string; attempt: number; code: string; message: string }
  | { phase: 'following'; sinceMs: number }

const KEY = 'phase'

export async function readPhase(state: Pick<StateStore, 'get'>): Promise<Phase | null> {
  return (await state.get(KEY)) as Phase | null // written below only
}

/** Writes down what the pipeline is at, as its events tell it. */
export async function notePhase(
  state: Pick<StateStore, 'set'>,
  words: (event: PipelineEvent & { event: 'waiting' }) => string,
  now: () => number = Date.now,
): Promise<(event: PipelineEvent) => void> {
  let current: Phase = { phase: 'opening', sinceMs: now() }
  await state.set({ [KEY]: current })
  return (event) => {
    const next = phaseAfter(event, current, { words, nowMs: now() })
    if (next === null) return
    current = next
    // It only informs: a state that cannot be written fails elsewhere, and aloud.
    state.set({ [KEY]: next }).catch(() => {})
  }
}

function phaseAfter(
  event: PipelineEvent,
  before: Phase,
  { words, nowMs }: { words(event: PipelineEvent & { event: 'waiting' }): string; nowMs: number },
): Phase | null {
  const sinceOf = (phase: Phase['phase']) => (before.phase === phase ? before.sinceMs : nowMs)
  if (event.event === 'started') return { phase: 'following', sinceMs: nowMs }
  if (event.event === 'waiting') return { phase: 'waiting', sinceMs: sinceOf('waiting'), text: words(event) }
  // Where the others go on, the process answers by itself.
  if (event.event !== 'retry' || event.isAside) return null
  const { part, attempt, code, message } = event
  return { phase: 'retrying', sinceMs: sinceOf('retrying'), part, attempt, code, message }
}
