/** `verify` while a pipeline runs: its sinks are read by the process that has them open. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { openSource } from '../config/open-parts.ts'
import { openTransforms } from '../config/open-transforms.ts'
import type { Log } from '../contracts/sink.ts'
import type { Table } from '../contracts/table.ts'
import type { LivePipeline } from '../core/run-live.ts'
import type { Transformation } from '../core/transformation.ts'
import { compareHeld, compareHeldThrough } from '../core/verify-held.ts'
import { emptyState } from './pipeline-parts.ts'
import { asTransformed } from './verify-tables.ts'
import { verifySinks, type VerifyReport } from './verify-sinks.ts'

export type LiveRequest = { tables: readonly string[]; sinks: readonly string[]; news: string | null }

/** How far behind a sink may be. */
const PASS_MS = 60_000
const NEWS_MS = 1000
/** A table altered without a change that follows is noticed after ten seconds. */
const NOTICE_MS = 12_000

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

export async function verifyLive(config: Config, live: LivePipeline, request: LiveRequest): Promise<VerifyReport> {
  const news = request.news === null ? null : openNews(live, request.news)
  const transforms = await openTransforms(config)
  const names = live
    .lanes()
    .map((lane) => lane.name)
    .filter((name) => request.sinks.includes(name))
  try {
    return await verifySinks(
      {
        pipeline: config.name,
        live: true,
        open: async () => asTransformed(await openSource(config, emptyState(), SILENT), transforms),
        sinks: names.map((name) => ({ name, sink: live.sink(name) })),
        async passed(sink, position) {
          const limit = AbortSignal.any([live.signal, AbortSignal.timeout(PASS_MS)])
          await live.passed(position, limit, sink)
          live.signal.throwIfAborted()
          return !limit.aborted
        },
        held: (at, compare) =>
          transforms ? compareHeldThrough(live, { ...at, chain: transforms.origin(at.table) }, compare) : compareHeld(live, at, compare),
        noticed: (table) => noticed(live, table, transforms),
        progress: (text) => news?.tell(text),
      },
      request,
      live.signal,
    )
  } finally {
    await news?.end()
  }
}

async function noticed(live: LivePipeline, table: Table, transforms: Transformation | undefined): Promise<boolean> {
  const known = live.tables().find(({ id }) => id === table.id)
  const made = known && transforms ? transforms.chain(known).to : known
  if (made?.version === table.version) return false
  await delay(NOTICE_MS, undefined, { signal: live.signal })
  return true
}

/** What is being done, once a second, where the asker looks for it. */
function openNews(live: LivePipeline, key: string): { tell(text: string): void; end(): Promise<void> } {
  let toldMs = performance.now()
  let writing: Promise<void> = Promise.resolve()
  return {
    tell(text) {
      if (performance.now() - toldMs < NEWS_MS) return
      toldMs = performance.now()
      // It only informs: a state that cannot be written fails elsewhere, and aloud.
      writing = live.state.set({ [key]: text }).catch(() => {})
    },
    async end() {
      await writing
      await live.state.delete(key).catch(() => {})
    },
  }
}
