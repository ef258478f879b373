import type { Config } from '../config/config.ts'
import type { RequestHandlers } from '../core/requests.ts'
import type { LivePipeline } from '../core/run-live.ts'
import type { createLagClock } from './lag-clock.ts'
import { statusFromInside } from './status-report.ts'
import { verifyLive, type LiveRequest } from './verify-live.ts'

/** What other processes may ask of this run. */
export function createHandlers(config: Config, clock: ReturnType<typeof createLagClock>): (live: LivePipeline) => RequestHandlers {
  return (live) => ({
    ping: async () => ({ pid: process.pid }),
    'dlq-retry': (args) => live.retryLetters((args as { ids: readonly number[] }).ids), // as `dlq` asks
    'dlq-drop': (args) => live.dropLetters((args as { ids: readonly number[] }).ids),
    status: () => statusFromInside(config, live, clock),
    verify: (args) => verifyLive(config, live, args as LiveRequest), // as `verify` asks
  })
}
