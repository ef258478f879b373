import { rmSync } from 'node:fs'
import { sourceContext } from '../config/open-parts.ts'
import { spoolsFolder } from '../config/spool-folder.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { confirmed } from './confirmed.ts'
import { emptyState, openKnownState, printLine } from './pipeline-parts.ts'
import { openTerminal, type LogOptions } from './terminal.ts'

/** Removes what the pipeline made: in the source, and its state. Data in sinks stays. */
export async function drop(options: ConfigChoice & LogOptions & { yes?: boolean }): Promise<number> {
  const config = await chosenConfig(options, 'drop')
  const question = `Remove slot, publication and state of the pipeline ${config.name}?`
  if (!(await confirmed(question, { yes: options.yes, command: 'drop' }))) {
    printLine('Nothing was removed.')
    return 1
  }
  const { log } = await openTerminal(options)
  const { lockPipeline } = await import('../state/sqlite/lock-pipeline.ts')
  const lock = await lockPipeline(config.state, { pipeline: config.name })
  try {
    const state = await openKnownState(config)
    const context = sourceContext(config, state ?? emptyState(), log)
    // The state goes last: until the source's part is gone it says what there is to remove.
    const removed = await config.source.definition.drop(config.source.config, context).finally(() => state?.[Symbol.asyncDispose]())
    for (const what of removed) printLine(`removed ${what}`)
    if (state) printLine(`removed the state ${config.state}`)
    removeState(config.state)
    rmSync(spoolsFolder(config), { recursive: true, force: true })
  } finally {
    await lock[Symbol.asyncDispose]()
    for (const suffix of ['.lock', '.pid']) rmSync(`${config.state}${suffix}`, { force: true })
  }
  printLine('Data in sinks stays. To begin anew with the same sinks, remove it, or run with --repair.')
  return 0
}

function removeState(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true })
}
