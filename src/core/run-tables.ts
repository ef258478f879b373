import type { Table } from '../contracts/table.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import type { Run } from './pipeline.ts'
import { inPart } from './run-failure.ts'
import type { Session } from './run-open.ts'
import { openSnapshots, type Snapshots } from './snapshot.ts'
import type { SnapshotProgress } from './snapshot-context.ts'

/** Opens the merge and gives it the tables: those that some sink does not hold are copied, at a repair every one again. */
export async function openTables(
  run: Run,
  session: Session,
  report: (event: PipelineEvent) => void,
): Promise<{ snapshots: Snapshots; tables: readonly Table[] }> {
  const { options } = run
  const tables = await inPart('source', () => session.source.tables())
  await inPart('transforms', async () => options.transforms?.check(tables))
  const snapshots = await openSnapshots({
    source: session.source,
    state: options.state,
    sinks: session.sinks.map(({ name, record }) => ({ name, record })),
    running: session.running,
    mode: options.mode === 'stream' ? 'none' : 'incremental',
    ...options.snapshot,
    mayEnter: options.transforms?.selects,
    clock: run.clock,
    copied: run.copied,
    onProgress: (progress) => report(asEvent(progress)),
  })
  await snapshots.leaveAllBut(tables)
  // A row deleted while nobody listened has left no trace in the log: a new generation finds it missing.
  if (session.act === 'repair') for (const table of tables) await snapshots.reread(table, null)
  else await snapshots.add(tables)
  return { snapshots, tables }
}

function asEvent(progress: SnapshotProgress): PipelineEvent {
  switch (progress.event) {
    case 'planned':
      return { ...progress, event: 'snapshot-planned' }
    case 'waiting':
      return { ...progress, event: 'snapshot-waiting' }
    case 'chunk':
      return { ...progress, event: 'snapshot-chunk' }
    case 'done':
      return { ...progress, event: 'snapshot-table-done' }
  }
}
