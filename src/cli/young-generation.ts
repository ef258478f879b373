/**
 * Starts this very process anew with a smaller young generation, where that was not chosen already: what a batch leaves behind
 * dies young either way, and resident memory is a third less, or better. V8 takes the size only at its start. The process id, the
 * standard streams and the arguments stay; nothing has been opened yet. Windows has no exec: there nothing happens.
 * `megabytes`: of one semi-space; V8's own choice is twice 16, or more. Where rows stay columns few objects are made, and less will do.
 */
export function boundYoungGeneration(megabytes = 8): void {
  const chosen = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => option.includes('semi-space'))
  if (chosen || process.platform === 'win32' || typeof process.execve !== 'function') return
  process.execve(
    process.execPath,
    [process.execPath, `--max-semi-space-size=${megabytes}`, ...process.execArgv, ...process.argv.slice(1)],
    process.env,
  )
}
