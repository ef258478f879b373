import type { Config } from '../config/config.ts'
import type { Format } from '../contracts/format.ts'
import type { Position } from '../contracts/position.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { nearestName } from '../lib/nearest-name.ts'
import { FORMATS } from '../registry.ts'
import { defaultFile } from './chosen-config.ts'
import { parsePosition } from './position-text.ts'
import { TAIL_OPERATIONS, type TailOperation } from './tail-format.ts'
import { createLines } from './tail-lines.ts'
import type { LogOptions } from './terminal.ts'

export type TailCliOptions = LogOptions & {
  source?: string
  tables?: readonly string[]
  config?: string
  format?: string
  json?: boolean
  wide?: boolean
  snapshot?: boolean
  op?: readonly string[]
  limit?: number
  until?: string
  publication?: string
  transform?: readonly string[]
}

/** A table's name alone means it in every schema. */
export function patternsOf(tables: readonly string[]): string[] {
  return tables.map((name) => (name.includes('.') ? name : name.replace(/^(!?)/, '$1*.')))
}

/** Without a URL the words are tables, and the database is that of the configuration that lies here. */
export function withDefaultFile(options: TailCliOptions): TailCliOptions {
  const { source, tables = [] } = options
  if (options.config !== undefined || (source !== undefined && /:\/\/|=/.test(source))) return options
  const config = defaultFile()
  if (config === undefined) return options
  const { source: _, ...others } = options
  return { ...others, config, tables: source === undefined ? tables : [source, ...tables] }
}

/** What the command line names, as a configuration with standard output alone. */
export async function lookConfig(options: TailCliOptions): Promise<Config> {
  if (options.tables?.some((name) => name === '' || name === '!')) throw usage('A table has an empty name.')
  return withTransforms(await namedConfig(options), options.transform ?? [])
}

async function namedConfig({ source, config: path, publication }: TailCliOptions): Promise<Config> {
  if (path !== undefined) return withPublication(await (await import('../config/load-config.ts')).loadConfig(path), publication)
  if (source === undefined) throw usage('There is no millrace.yaml here: name the database by its URL, or a configuration by -c FILE.')
  const { commandLineConfig } = await import('../config/command-line-config.ts')
  return withPublication(await commandLineConfig(source, ['stdout:'], process.cwd()), publication)
}

/** Those of the configuration, then those of the command line, in the order they are named. */
async function withTransforms(config: Config, named: readonly string[]): Promise<Config> {
  if (named.length === 0) return config
  const { namedTransforms } = await import('../config/named-transforms.ts')
  const lists = await Promise.all(named.map((text) => namedTransforms(text, process.cwd())))
  return { ...config, transforms: [...config.transforms, ...lists.flat()] }
}

/** A pipeline's own publication is one of those that are there: it is not named, so that it need not exist. */
function withPublication(config: Config, publication: string | undefined): Config {
  const own = config.source.config as Record<string, unknown> // a zod object, as every source's
  const { publication: _, ...others } = own
  return { ...config, source: { ...config.source, config: publication === undefined ? others : { ...others, publication } } }
}

export function operationsOf({ op = [], tables = [], snapshot }: TailCliOptions): ReadonlySet<TailOperation> {
  const named = op.flatMap((list) => list.split(',')).map((word) => word.trim().toLowerCase())
  for (const name of named) {
    if ((TAIL_OPERATIONS as readonly string[]).includes(name)) continue
    const nearest = nearestName(name, TAIL_OPERATIONS)
    throw usage(`--op takes ${TAIL_OPERATIONS.join(', ')}; ${nearest ? `did you mean ${nearest}?` : `${name} is none of them.`}`)
  }
  if (snapshot && named.length > 0 && !named.includes('read'))
    throw usage('--snapshot shows rows as `read`: add read to --op, or leave one of the two out.')
  if (named.length > 0) return new Set(named as TailOperation[]) // each was looked up above
  // A message belongs to no table: who names tables did not ask for it.
  return new Set(TAIL_OPERATIONS.filter((each) => each !== 'message' || tables.length === 0))
}

export async function chosenFormat({ format, json, wide }: TailCliOptions): Promise<Pick<Format, 'changeLine' | 'readLine'>> {
  const isTerminal = process.stdout.isTTY === true
  const name = format ?? (json || !isTerminal ? 'native' : 'pretty')
  if (name === 'pretty') {
    const color = isTerminal && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
    return createLines({ color, columns: () => (wide || !isTerminal ? Infinity : process.stdout.columns || 80) })
  }
  const load = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined
  if (load) {
    const definition = await load()
    return definition.create(definition.config.parse({}), { pipeline: 'tail' })
  }
  const known = ['pretty', ...Object.keys(FORMATS)]
  const nearest = nearestName(name, known)
  throw usage(`There is no format ${name}; ${nearest ? `did you mean ${nearest}?` : `there are ${known.join(', ')}.`}`)
}

export function untilOf({ until }: TailCliOptions): 'caught-up' | { position: Position } | null {
  if (until === undefined) return null
  return until === 'caught-up' ? until : { position: parsePosition(until) }
}

function usage(reason: string): MillraceError {
  return new MillraceError('CLI_USAGE', { reason, command: 'tail' })
}
