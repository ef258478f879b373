import { join } from 'node:path'
import type { Config } from './config.ts'

/** Beside the state file, as it is a part of what the pipeline remembers. */
export function spoolsFolder({ state }: Pick<Config, 'state'>): string {
  return `${state.replace(/\.db$/, '')}.spool`
}

/** A name of dots would be another folder. */
export function spoolFolder(config: Pick<Config, 'state'>, sink: string): string {
  return join(spoolsFolder(config), /^\.+$/.test(sink) ? `%${sink}` : sink)
}
