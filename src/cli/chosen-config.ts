import { existsSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { MillraceError } from '../errors/millrace-error.ts'

export type ConfigChoice = {
  config?: string
  source?: string
  sinks?: readonly string[]
  sink?: readonly string[]
  /** Of a file: whether the folders of paths are looked at, too. */
  folders?: 'must exist'
}

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
  if (path !== undefined) return readFile(path, choice)
  if (source === undefined) return readDefault(choice, command)
  if (sinks.length === 0)
    throw new MillraceError('CLI_USAGE', {
      reason: 'No sink is named after the source URL, such as duckdb:./shop.duckdb or parquet:./lake.',
      command,
    })
  return (await import('../config/command-line-config.ts')).commandLineConfig(source, sinks, process.cwd())
}

const DEFAULT_FILES = ['millrace.yaml', 'millrace.yml', 'millrace.json']

/** The configuration that is meant where none is named; undefined where there is none. */
export function defaultFile(): string | undefined {
  return DEFAULT_FILES.find((name) => existsSync(name))
}

async function readDefault(choice: ConfigChoice, command: string): Promise<Config> {
  const path = defaultFile()
  if (path !== undefined) return readFile(path, choice)
  const otherwise = command === 'config' ? '' : ', or give a source URL and sinks'
  const reason = `There is no ${DEFAULT_FILES[0]} here. Name a configuration by -c FILE, write one by \`millrace init\`${otherwise}.`
  throw new MillraceError('CLI_USAGE', { reason, command })
}

async function readFile(path: string, { folders }: ConfigChoice): Promise<Config> {
  const { loadConfig } = await import('../config/load-config.ts')
  return loadConfig(path, process.env, folders ? { folders } : {})
}
