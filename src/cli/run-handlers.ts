import type { Config } from '../config/config.ts'
import type { RequestHandlers } from '../core/requests.ts'
import type { LivePipeline } from '../core/run-live.ts'
import type { createLagClock } from './lag-clock.ts'
import { statusFromInside } from './status-report.ts'
import { verifySinks, type VerifyReport } from './verify-sinks.ts'

/** What other processes may ask of this run. */
export function createHandlers(config: Config, clock: ReturnType<typeof createLagClock>): (live: LivePipeline) => RequestHandlers {
  return (live) => ({
    ping: async () => ({ pid: process.pid }),
    status: () => statusFromInside(config, live, clock),
    verify: (args) => verifyLive(config, live, args as { tables: readonly string[]; sinks: readonly string[] }), // as `verify` asks
  })
}

function verifyLive(
  config: Config,
  live: LivePipeline,
  request: { tables: readonly string[]; sinks: readonly string[] },
): Promise<VerifyReport> {
  const names = live
    .lanes()
    .map((lane) => lane.name)
    .filter((name) => request.sinks.includes(name))
  const sinks = names.map((name) => ({ name, sink: live.sink(name) }))
  const source = {
    scan: live.source.scan.bind(live.source),
    head: live.source.head.bind(live.source),
    tables: async () => live.tables(),
  }
  const passed = (sink: string, position: string, signal: AbortSignal) => live.passed(position, signal, sink)
  return verifySinks({ pipeline: config.name, live: true, source, sinks, passed }, request, new AbortController().signal)
}
