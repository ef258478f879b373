/** Named places on the way of a change from the source's socket to its acknowledgement, in the order in which it meets them. */
export const FAULT_POINTS = [
  'decoded',
  'chunk-read',
  'write',
  'duckdb-commit',
  'duckdb-committed',
  'parquet-link',
  'parquet-linked',
  'written',
  'file-synced',
  'flushed',
  'state-save',
  'recorded',
  'acknowledged',
] as const
export type FaultPoint = (typeof FAULT_POINTS)[number]

/**
 * For the fault harness (test/chaos) alone: `MILLRACE_FAULT=point:n` ends the process by SIGKILL when it comes to the place for the n-th time,
 * `point:n:throw` throws there instead. Without the variable, which is read once, the function is empty.
 */
export const faultPoint = createFaultPoint(process.env.MILLRACE_FAULT)

export function createFaultPoint(wanted: string | undefined, die: () => void = killSelf): (point: FaultPoint) => void {
  if (!wanted) return () => {}
  const [name, times = '1', how = 'kill'] = wanted.split(':')
  let left = Number(times)
  return (point) => {
    if (point !== name || --left !== 0) return
    if (how === 'throw') throw new Error(`MILLRACE_FAULT=${wanted}`)
    die()
  }
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL')
}
