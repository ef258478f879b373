import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pipelineName, readSource } from '../config/command-line-config.ts'
import { configJsonSchema } from '../config/json-schema.ts'
import type { SourceSketch } from '../contracts/definition.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { nearestName } from '../lib/nearest-name.ts'
import { SINKS, SOURCES } from '../registry.ts'
import { endingText } from './init-ending.ts'
import { configText, type Choices, type SinkChoice } from './init-text.ts'
import { installedVersion } from './check-versions.ts'
import { printLine } from './pipeline-parts.ts'

export type InitOptions = { url?: string; yes?: boolean; output?: string; force?: boolean; sink?: string }

/** Where the database's URL comes from; it is never written. */
export type Origin = 'argument' | 'DATABASE_URL' | 'PG*' | 'typed'

/** Looks at a database, asks little, writes a configuration that `check` and `run` take, and says how to go on. */
export async function init(options: InitOptions): Promise<number> {
  const output = options.output ?? 'millrace.yaml'
  checkSinkName(options.sink)
  if (existsSync(output) && !options.force) throw new MillraceError('INIT_EXISTS', { path: output })
  const asks = options.yes !== true && process.stdin.isTTY === true && process.stdout.isTTY === true
  try {
    const { url, origin } = await findUrl(options, asks)
    const sketch = await look(url)
    if (sketch.tables.length === 0) throw new MillraceError('INIT_NO_TABLES', { database: sketch.database })
    const standard = standardChoices(url, sketch, options.sink)
    const choices = asks
      ? await (await import('./init-questions.ts')).ask(standard, { sketch, sinks: options.sink ? [] : await describedSinks() })
      : standard
    const text = configText(choices, { sketch, schema: SCHEMA, origin, sinks: await describedSinks() })
    write(join(dirname(resolve(output)), SCHEMA), `${JSON.stringify(await configJsonSchema(), null, 2)}\n`)
    write(output, text)
    printLine(endingText({ output, origin, choices, sketch }))
    return 0
  } catch (error) {
    // Ctrl-C at a question: nothing was written.
    if (error instanceof Error && error.name === 'ExitPromptError') return 130
    throw error
  }
}

function checkSinkName(sink: string | undefined): void {
  if (sink === undefined || knownSinks().includes(sink)) return
  const nearest = nearestName(sink, knownSinks())
  const reason = `--sink must be one of ${knownSinks().join(', ')}${nearest ? `; did you mean ${nearest}?` : '.'}`
  throw new MillraceError('CLI_USAGE', { reason, command: 'init' })
}

/** What is given, else what the environment says, as other tools of Postgres take it, else what is typed. */
async function findUrl({ url }: InitOptions, asks: boolean): Promise<{ url: string | null; origin: Origin }> {
  if (url !== undefined) return { url, origin: 'argument' }
  const { DATABASE_URL, PGHOST, PGDATABASE, PGSERVICE } = process.env
  if (DATABASE_URL) return { url: DATABASE_URL, origin: 'DATABASE_URL' }
  if (PGHOST || PGDATABASE || PGSERVICE) return { url: null, origin: 'PG*' }
  if (asks) return { url: await (await import('./init-questions.ts')).askUrl(), origin: 'typed' }
  const reason = 'Name the database: `millrace init postgres://user@host/database`, or set DATABASE_URL.'
  throw new MillraceError('CLI_USAGE', { reason, command: 'init' })
}

async function look(url: string | null): Promise<SourceSketch> {
  const { type, ...config } = (url === null ? { type: 'postgres' } : await readSource(url)) as { type: string } // both name their type
  const definition = await SOURCES[type]?.()
  if (!definition?.sketch) throw new MillraceError('BUG', { reason: `the source ${type} cannot be looked at` })
  const parsed = definition.config.safeParse(config)
  if (!parsed.success) throw new MillraceError('SOURCE_URL_INVALID', { reason: 'it is not the URL of a database' })
  return definition.sketch(parsed.data, { pipeline: pipelineName(url ?? '') })
}

/** Every table that can be followed; DuckDB where it is installed, since its result is looked at most easily. */
function standardChoices(url: string | null, sketch: SourceSketch, sink: string | undefined): Choices {
  const name = pipelineName(url === null ? `postgres://db/${encodeURIComponent(sketch.database)}` : url)
  const [first = 'file'] = knownSinks().filter((type) => type !== 'duckdb' || installedVersion('@duckdb/node-api') !== null)
  return { name, sink: sink ?? first, tables: sketch.tables.filter(({ problem }) => problem === null).map((table) => table.name) }
}

/** Those that need no more than a path, the most useful first. */
function knownSinks(): readonly string[] {
  return ['duckdb', 'parquet', 'file', 'stdout'].filter((type) => Object.hasOwn(SINKS, type))
}

async function describedSinks(): Promise<readonly SinkChoice[]> {
  return Promise.all(knownSinks().map(async (type) => ({ type, summary: (await SINKS[type]!()).summary }))) // known ones are there
}

/** Beside the file rather than on the net: editors complete from it anywhere, and it is this version's. */
const SCHEMA = '.millrace/config.schema.json'

function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error) // node:fs throws these only
    throw new MillraceError('INIT_UNWRITABLE', { path, reason }, { cause: error })
  }
}
