import { readFileSync } from 'node:fs'
import { parquetSchema, type Misfit } from '../codecs/parquet/schema.ts'
import { messageText, schemaElements } from '../codecs/parquet/schema-text.ts'
import type { Config } from '../config/config.ts'
import type { SourceDefinition } from '../contracts/definition.ts'
import { tableName, type Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { SOURCES } from '../registry.ts'
import { printJson, printLine } from './pipeline-parts.ts'
import { avroSchema } from './schema-avro.ts'
import { jsonSchema } from './schema-json.ts'

export type SchemaFormat = 'parquet' | 'avro' | 'json'

export type SchemaOptions = {
  query?: string
  config?: string
  url?: string
  table: readonly string[]
  format: SchemaFormat
  json?: boolean
}

/** Prints the schema that tables have in Parquet, Avro or JSON: of a live database, or of CREATE TABLE text. */
export async function generateSchema(options: SchemaOptions): Promise<number> {
  const place = await choosePlace(options)
  const tables = await describe(place, options)
  if (options.format === 'parquet') printParquet(tables, place.misfit, options.json === true)
  else {
    const schemas = tables.map(options.format === 'avro' ? avroSchema : jsonSchema)
    // One object for one table, which is what is asked for nearly always.
    const value = schemas.length === 1 ? schemas[0] : schemas
    if (options.json) printJson(value)
    else printLine(JSON.stringify(value, null, 2))
  }
  return 0
}

type Place = { definition: SourceDefinition; config: unknown; misfit: Misfit }

/** The server to ask, if one is given; `config` null: none is. */
async function choosePlace({ config: file, url, table }: SchemaOptions): Promise<Place> {
  if (file !== undefined && url !== undefined) throw usage('Give a file by -c or a database by --url, not both.')
  if (file !== undefined) return narrowed(await (await import('../config/load-config.ts')).loadConfig(file), table)
  const definition = await SOURCES.postgres!() // the generated registry has it
  if (url === undefined) return { definition, config: null, misfit: 'fail' }
  const config = definition.config.parse({ ...(definition.fromUrl(url) as object), ...(table.length > 0 ? { tables: table } : {}) }) // a source's URL is its configuration
  return { definition, config, misfit: 'fail' }
}

/** Columns as the configuration has them, and values that do not fit as its Parquet sink is told to take them. */
function narrowed({ source, sinks }: Config, tables: readonly string[]): Place {
  const config = { ...(source.config as object), ...(tables.length > 0 ? { tables } : {}) } // every source's configuration is an object
  const parquet = sinks.find((sink) => sink.type === 'parquet')?.config as { onValue?: Misfit } | undefined // as its schema says
  return { definition: source.definition, config, misfit: parquet?.onValue ?? 'fail' }
}

async function describe({ definition, config }: Place, { query, table }: SchemaOptions): Promise<readonly Table[]> {
  const { describeStatements, describeTables } = definition
  if (!describeStatements || !describeTables) throw usage(`A ${definition.type} source does not describe its tables.`)
  if (query !== undefined) return chosen(await describeStatements(config, statements(query)), table)
  if (config === null) throw usage('Name CREATE TABLE text by --query, or a database by --url or -c.')
  return describeNamed(() => describeTables(config), table)
}

async function describeNamed(describeTables: () => Promise<readonly Table[]>, names: readonly string[]): Promise<readonly Table[]> {
  try {
    return await describeTables()
  } catch (error) {
    // Its hint is about a configuration; the name was given here.
    if (names.length === 0 || !(error instanceof MillraceError) || error.code !== 'TABLE_MISSING') throw error
    throw usage(`There is no table ${names.join(', ')} (schema.table), or this role may not see it.`)
  }
}

/** `-` reads the text from standard input, `@FILE` from a file. */
function statements(query: string): string {
  if (query === '-') return readFileSync(0, 'utf8')
  if (!query.startsWith('@')) return query
  try {
    return readFileSync(query.slice(1), 'utf8')
  } catch (error) {
    throw usage(`The file ${query.slice(1)} cannot be read (${(error as NodeJS.ErrnoException).code}).`) // node:fs throws these only
  }
}

function chosen(tables: readonly Table[], names: readonly string[]): readonly Table[] {
  if (names.length === 0) return tables
  const found = tables.filter((table) => names.includes(tableName(table)) || names.includes(table.name))
  if (found.length === 0) throw usage(`The statements make ${tables.map(tableName).join(', ')}, and not ${names.join(', ')}.`)
  return found
}

function printParquet(tables: readonly Table[], misfit: Misfit, asJson: boolean): void {
  const all = tables.map((table) => ({
    table: tableName(table),
    elements: schemaElements(parquetSchema(table.columns, { key: table.key, misfit })),
  }))
  if (!asJson) return all.forEach(({ table, elements }) => printLine(messageText(elements, table).trimEnd()))
  const schemas = all.map(({ table, elements }) => ({ table, schema: elements }))
  printJson(schemas.length === 1 ? schemas[0] : schemas)
}

function usage(reason: string): MillraceError {
  return new MillraceError('CLI_USAGE', { reason, command: 'schema generate' })
}
