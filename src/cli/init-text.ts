import type { SourceSketch } from '../contracts/definition.ts'
import { formatBytes, formatCount } from '../lib/units.ts'
import type { Origin } from './init.ts'

/** What was decided, by default or by questions. `tables`: their names. */
export type Choices = { name: string; sink: string; tables: readonly string[] }

export type SinkChoice = { type: string; summary: string }

type About = { sketch: SourceSketch; schema: string; origin: Origin; sinks: readonly SinkChoice[] }

/** More tables than these are not listed one by one. */
const LISTED = 40

/** A configuration with the words that a newcomer needs beside each line. No part of the URL stands in it. */
export function configText(choices: Choices, { sketch, schema, origin, sinks }: About): string {
  return `# yaml-language-server: $schema=${schema}
# Written by \`millrace init\` for the database ${oneLine(sketch.database)}. Check it by \`millrace check\`. Every option is in docs/reference/config.md,
# and offered by editors that know the line above (VS Code with the YAML extension, and others).

# Names the replication slot and the publication (millrace_${choices.name}), and the state (.millrace/${choices.name}.db).
name: ${plainOrQuoted(choices.name)}

source:
  type: postgres
${urlLines(origin)}
  # schema.table with * and ?, in order: the last that matches decides, ! leaves out. Later tables that match join by themselves.
  tables:
${tableLines(choices, sketch)}
${listing(choices, sketch)}  # To leave out columns, or rows (by key columns only):
  # columns: { "${exampleTable(choices)}": ["*", "!secret_column"] }
  # where: { "${exampleTable(choices)}": "id > 1000" }

# One or more; each holds every table.
sinks:
${sinkLines(choices, sinks)}`
}

function urlLines(origin: Origin): string {
  if (origin === 'PG*')
    return '  # The database is that of the PG* variables (PGHOST, PGDATABASE, PGUSER …). Or name it: url: ${env:DATABASE_URL}'
  return "  # Filled in at the start, so that no password stands here: export DATABASE_URL='postgres://user:password@host:5432/database'\n  url: ${env:DATABASE_URL}"
}

/** Whole schemas where everything that can be followed is wanted, so that new tables join; else the tables by name. */
function tableLines({ tables }: Choices, sketch: SourceSketch): string {
  const wanted = new Set(tables)
  const followable = sketch.tables.filter(({ problem }) => problem === null)
  const isAll = followable.every(({ name }) => wanted.has(name))
  if (!isAll) return tables.map((name) => `    - ${JSON.stringify(patternOf(name))}`).join('\n')
  const schemas = [...new Set(followable.map(({ schema }) => schema))]
  const globs = schemas.map((schema) => `    - ${JSON.stringify(`${patternOf(schema)}.*`)}`)
  const left = sketch.tables.filter(({ problem, schema }) => problem !== null && schemas.includes(schema))
  return [...globs, ...left.flatMap(leftOut)].join('\n')
}

function leftOut({ name, problem, hint }: SourceSketch['tables'][number]): string[] {
  // The first remedy; the others are about this very line.
  const remedy = hint ? [`    #   ${oneLine(hint.split(';')[0] ?? '')}, and remove this line.`] : []
  return [`    # ${oneLine(problem ?? '')}`, ...remedy, `    - ${JSON.stringify(`!${patternOf(name)}`)}`]
}

/** Signs that mean something in patterns are met by a `?`. */
function patternOf(name: string): string {
  return name.replace(/[[\]{}*"]/g, '?').replace(/^!/, '?')
}

function listing({ tables }: Choices, sketch: SourceSketch): string {
  const wanted = new Set(tables)
  const chosen = sketch.tables.filter(({ name }) => wanted.has(name))
  if (chosen.length > LISTED) return `  # These are ${chosen.length} tables now.\n`
  const width = Math.max(...chosen.map(({ name }) => name.length))
  const lines = chosen.map(({ name, rows, bytes }) => `  #   ${oneLine(name).padEnd(width)}  ${sizeWords(rows, bytes)}\n`)
  return `  # Now these, by the server's estimate:\n${lines.join('')}`
}

export function sizeWords(rows: number | null, bytes: number): string {
  return rows === null ? formatBytes(bytes) : `${formatCount(rows)} row${rows === 1 ? '' : 's'}, ${formatBytes(bytes)}`
}

function exampleTable({ tables }: Choices): string {
  return oneLine(tables[0] ?? 'public.users').replaceAll('"', '?')
}

const PATHS: Record<string, (name: string) => string> = {
  duckdb: (name) => `./${name}.duckdb`,
  parquet: () => './lake',
  file: () => './changes',
}

/** Where a sink writes, as it is proposed; null where it has no path. */
export function pathOf({ name, sink }: Pick<Choices, 'name' | 'sink'>): string | null {
  return PATHS[sink]?.(name) ?? null
}

function sinkLines({ name, sink }: Choices, sinks: readonly SinkChoice[]): string {
  const entry = (type: string, before: string) => {
    const path = pathOf({ name, sink: type })
    return `${before}- { type: ${type}${path ? `, path: ${path}` : ''} }\n`
  }
  const summaryOf = (type: string) => `  # ${oneLine(sinks.find((each) => each.type === type)?.summary ?? '')}\n`
  const others = sinks.filter(({ type }) => type !== sink).map(({ type }) => summaryOf(type) + entry(type, '  # '))
  return `${summaryOf(sink)}${entry(sink, '  ')}${others.length > 0 ? '  #\n  # Others, beside it or in its place:\n' : ''}${others.join('')}`
}

/** A name of digits would be read as a number, `null` as nothing. */
function plainOrQuoted(name: string): string {
  return /^[a-z][a-z0-9_]*$/.test(name) && !['true', 'false', 'null'].includes(name) ? name : JSON.stringify(name)
}

/** A comment ends with its line: a name with a line break in it must not begin another. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\u0085\u2028\u2029]+/g, ' ')
}
