import { existsSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { MillraceError } from '../errors/millrace-error.ts'

export type ConfigChoice = { config?: string; source?: string; sinks?: readonly string[]; sink?: readonly string[] }

/** The configuration that a command line names: a file, or a source URL and sinks. `--sink` narrows it. */
export async function chosenConfig(choice: ConfigChoice, command: string): Promise<Config> {
  const config = await readChoice(choice, command)
  const names = choice.sink ?? []
  if (names.length === 0) return config
  for (const name of names) {
    if (config.sinks.some((sink) => sink.name === name)) continue
    const { nearestName } = await import('../lib/nearest-name.ts')
    const known = config.sinks.map((sink) => sink.name)
    const nearest = nearestName(name, known)
    const reason = `There is no sink ${name}; ${nearest ? `did you mean ${nearest}?` : `there are ${known.join(', ')}.`}`
    throw new MillraceError('CLI_USAGE', { reason, command })
  }
  return { ...config, sinks: config.sinks.filter((sink) => names.includes(sink.name)) }
}

async function readChoice(choice: ConfigChoice, command: string): Promise<Config> {
  const { config: path, source, sinks = [] } = choice
  if (path !== undefined && source !== undefined)
    throw new MillraceError('CLI_USAGE', { reason: 'Give a file by -c or a source URL, not both.', command })
  if (path !== undefined) return (await import('../config/load-config.ts')).loadConfig(path)
  if (source === undefined) return readDefault(command)
  if (sinks.length === 0) throw new MillraceError('CLI_USAGE', { reason: 'No sink is named after the source URL.', command })
  return (await import('../config/command-line-config.ts')).commandLineConfig(source, sinks, process.cwd())
}

const DEFAULT_FILES = ['millrace.yaml', 'millrace.yml', 'millrace.json']

async function readDefault(command: string): Promise<Config> {
  const path = DEFAULT_FILES.find((name) => existsSync(name))
  if (path !== undefined) return (await import('../config/load-config.ts')).loadConfig(path)
  throw new MillraceError('CLI_USAGE', { reason: 'Name a configuration by -c FILE, or a source URL and sinks.', command })
}
