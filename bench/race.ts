/** Millrace against what is read by others, on the same log. */
import type { PostgresServer } from '../test/servers.ts'
import { figure, median, type Figure } from './figures.ts'
import { drain, recvlogical } from './limits.ts'
import type { Usage } from './millrace.ts'
import { copySlot } from './workload.ts'

export type Race = {
  rows: number
  end: string
  targets: { recvlogical?: number; drain?: number; cpu?: number; memory?: number }
  runs: number
}

/** Runs the three readers in turn, several times, and compares the medians. */
export async function race(server: PostgresServer, what: Race, millrace: (slot: string) => Promise<Usage>): Promise<Figure[]> {
  const times = { recvlogical: [] as number[], drain: [] as number[] }
  const usages: Usage[] = []
  for (let round = 0; round < what.runs; round++) {
    for (const reader of ['recvlogical', 'drain', 'millrace'] as const) {
      const slot = `${reader}_${round}`
      await copySlot(server, 'master', slot)
      const at = { slot, publication: 'bench', end: what.end }
      if (reader === 'millrace') usages.push(await millrace(slot))
      else times[reader].push((reader === 'drain' ? await drain(server, at) : await recvlogical(server, at)).seconds)
      await server.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [slot])
    }
  }
  const seconds = median(usages.map((usage) => usage.seconds))
  return [
    figure('rate', what.rows / seconds / 1000, 'k changes/s'),
    figure('of pg_recvlogical', median(times.recvlogical) / seconds, '×', { least: what.targets.recvlogical }),
    figure('of the gulping drain', median(times.drain) / seconds, '×', { least: what.targets.drain }),
    figure('CPU', (median(usages.map((usage) => usage.cpuSeconds)) * 1e6) / what.rows, 's per million', { most: what.targets.cpu }),
    figure('memory', Math.max(...usages.map((usage) => usage.maxRssMb)), 'MB at most', { most: what.targets.memory }),
  ]
}
