import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SinkCapabilities } from '../src/contracts/sink.ts'
import { FORMATS, SINKS } from '../src/registry.ts'
import { sinkConformance } from '../src/testing/sink-conformance.ts'

const SRC = join(import.meta.dirname, '../src')

/** What runs the suites: a test beside the sink or format, and what it runs against, by the test's suffix. */
export type Proof = { path: string; suffix: string; suite: 'sink' | 'format' | null }

/**
 * What stands behind a test of this suffix. `isReal`: the very server that users have. Tests without a suffix need no server: see OWN.
 */
export const SERVERS: Readonly<Record<string, { what: string; isReal: boolean }>> = {
  s3: { what: 'a real S3 server (VersityGW)', isReal: true },
  kafka: { what: 'a real Kafka broker, read by Java’s own consumer', isReal: true },
  kinesis: { what: 'Kinesalite, which plays Kinesis: not AWS itself', isReal: false },
  debezium: { what: 'Debezium itself, on the same database, record by record', isReal: true },
}

/** What tests without a suffix run against; of a sink that is not named here nothing is claimed. */
const OWN: Readonly<Record<string, { what: string; isReal: boolean }>> = {
  duckdb: { what: 'DuckDB itself, on a file', isReal: true },
  file: { what: 'the file system', isReal: true },
  parquet: { what: 'the file system', isReal: true },
  stdout: { what: 'a stream in the test', isReal: true },
  http: { what: 'a receiver over HTTP in the test', isReal: true },
}

/** The tests of one sink or format that run a suite of `millrace/testing`, or compare with a server. */
export function proofsOf(kind: 'sinks' | 'formats', type: string): Proof[] {
  const folder = join(SRC, kind, type)
  const tests = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.test.ts')) : []
  return tests.sort().flatMap((name) => {
    const [, suffix = ''] = /\.([a-z0-9]+)\.test\.ts$/.exec(name) ?? []
    const suite = suiteOf(readFileSync(join(folder, name), 'utf8'))
    return suite !== null || (kind === 'formats' && suffix in SERVERS) ? [{ path: `src/${kind}/${type}/${name}`, suffix, suite }] : []
  })
}

function suiteOf(text: string): Proof['suite'] {
  if (/\bof sinkConformance\(/.test(text)) return 'sink'
  return /\bof formatConformance\(/.test(text) ? 'format' : null
}

const EVERYTHING: SinkCapabilities = {
  delivery: 'exactly-once',
  shape: 'tables',
  needsKey: false,
  truncate: true,
  schemaChanges: true,
  partialUpdates: true,
  columnar: true,
  readable: true,
}

/** What each tick claims, and the capability without which its cases are not run. */
export const CLAIMS: Readonly<Record<string, { says: string; without: Partial<SinkCapabilities> }>> = {
  'exactly once': { says: 'a crash neither loses nor repeats', without: { delivery: 'at-least-once' } },
  'at least once': { says: 'a crash loses nothing, and repeats only what no checkpoint covered', without: { delivery: 'exactly-once' } },
  late: { says: 'a dead letter can be given again: `millrace dlq retry`', without: { late: false } },
  keyless: { says: 'tables without a key', without: { needsKey: true } },
  truncate: { says: 'a truncate empties, or is told', without: { truncate: false } },
  schema: { says: 'columns added, renamed, dropped', without: { schemaChanges: false } },
  partial: { says: 'an update that leaves values out leaves them alone', without: { partialUpdates: false } },
  readable: { says: '`millrace verify` compares it', without: { readable: false } },
}

/** What else must be so, that a claim can be made. */
const ONLY_THEN: Readonly<Record<string, Partial<SinkCapabilities>>> = {
  'at least once': { delivery: 'at-least-once', shape: 'changes' },
  late: { shape: 'changes', late: true },
}

/** The cases that are run only where this is claimed: taken from the suite itself, by leaving the claim out. */
export function casesOf(claim: string): string[] {
  const { without } = CLAIMS[claim] ?? { without: {} }
  const claimed = { ...EVERYTHING, ...ONLY_THEN[claim] }
  const rest = new Set(titlesOf({ ...claimed, ...without }))
  return titlesOf(claimed).filter((title) => !rest.has(title))
}

function titlesOf(capabilities: SinkCapabilities): string[] {
  const subject = { name: 'any', capabilities, place: () => Promise.reject(new Error('only named')) }
  return sinkConformance(subject).map(({ title }) => title)
}

/** Whether a sink makes a claim. A sink whose delivery is the user's choice makes both. */
export function claimsOf({ capabilities, isChosen }: { capabilities: SinkCapabilities; isChosen: boolean }): string[] {
  const { delivery, late, shape, needsKey, truncate, schemaChanges, partialUpdates, readable } = capabilities
  // Of what keeps nothing, nothing can be shown.
  if (shape === 'nothing') return []
  const claims: [string, boolean][] = [
    ['exactly once', delivery === 'exactly-once' || isChosen],
    ['at least once', delivery === 'at-least-once' || isChosen],
    ['late', shape === 'changes' && (late ?? delivery === 'at-least-once')],
    ['keyless', !needsKey],
    ['truncate', truncate],
    ['schema', schemaChanges],
    ['partial', partialUpdates],
    ['readable', readable],
  ]
  return claims.filter(([, isClaimed]) => isClaimed).map(([claim]) => claim)
}

export async function capabilitiesText(): Promise<string> {
  return `# What sinks can do

${await matrix()}
\`keeps\`: the log (every change), tables (the latest state), or nothing. \`columns\`: whether it takes the chunks of a copy as columns. Each tick is a number of cases
of the conformance suite, which are run only where it is claimed; they are named [below](#what-each-tick-rests-on). Beside them every sink runs the cases
that need no claim: order by key, keys that look alike, names that are hostile, values of every kind, copies beside the stream, stopping, failing, resuming.

## Where it was tried

Every test here runs in CI; what it ran against is said, and where that was not the real thing.

${await proofs()}
## What each tick rests on

${claims()}
## Formats

${await formats()}`
}

async function matrix(): Promise<string> {
  const names = Object.keys(CLAIMS)
  const sinks = await Promise.all(Object.values(SINKS).map((load) => load()))
  const rows = sinks.map(({ type, summary, capabilities, delivery }) => {
    const claimed = claimsOf({ capabilities, isChosen: delivery !== undefined })
    const ticks = names.map((name) => (claimed.includes(name) ? '✓' : '–'))
    return row([`\`${type}\``, summary, KEEPS[capabilities.shape], ...ticks, capabilities.columnar ? 'yes' : 'no'])
  })
  return table(['sink', '', 'keeps', ...names, 'columns'], rows)
}

const KEEPS = { changes: 'the log', tables: 'tables', nothing: 'nothing' }

async function proofs(): Promise<string> {
  const sinks = await Promise.all(Object.values(SINKS).map((load) => load()))
  const kept = sinks.filter(({ capabilities }) => capabilities.shape !== 'nothing')
  const rows = kept.flatMap(({ type }) => {
    const found = proofsOf('sinks', type).map(({ path, suffix }) => row([`\`${type}\``, ...ranAgainst(type, suffix), link(path)]))
    return found.length > 0 ? found : [row([`\`${type}\``, '**nothing yet**', 'no', '–', '–'])]
  })
  return table(['sink', 'against', 'the real thing', 'run by', 'test'], rows)
}

function ranAgainst(type: string, suffix: string): string[] {
  const server = suffix === '' ? OWN[type] : SERVERS[suffix]
  const { what, isReal } = server ?? { what: 'what its test holds', isReal: false }
  return [what, isReal ? 'yes' : '**no**', runBy(suffix)]
}

function runBy(suffix: string): string {
  return suffix === '' ? '`npm test`' : '`npm run test:services`'
}

function claims(): string {
  const parts = Object.entries(CLAIMS).map(([claim, { says }]) => {
    // Each with rows as values and, again, with rows in the bytes they came in.
    const titles = casesOf(claim).filter((title) => !title.endsWith(', rows as bytes'))
    const deaths = titles.flatMap((title) => title.split(DEATH)[1] ?? [])
    const items = [
      ...titles.filter((title) => !title.includes(DEATH)),
      ...(deaths.length > 0 ? [`when it dies anywhere, too: ${deaths.join('; ')}`] : []),
    ]
    return `### ${claim}\n\n${says.replace(/^./, (letter) => letter.toUpperCase())}.\n\n${items.map((item) => `- ${item}\n`).join('')}\n`
  })
  return parts.join('')
}

const DEATH = ' when it dies anywhere: '

async function formats(): Promise<string> {
  const definitions = await Promise.all(Object.values(FORMATS).map((load) => load()))
  const rows = definitions.map(({ type, summary }) => {
    const found = proofsOf('formats', type)
    const compared = found
      .filter(({ suffix }) => suffix !== '')
      .map(({ path, suffix }) => `${SERVERS[suffix]?.what} (${link(path)}, ${runBy(suffix)})`)
    const suite = found.filter(({ suite: is }) => is === 'format').map(({ path }) => link(path))
    return row([`\`${type}\``, summary, suite.join(', ') || '**no**', compared.join(', ') || '–'])
  })
  return `Every format runs its own suite: nothing left unsaid, equal messages for equal changes, a row read as a row inserted, keys of rows.\n\n${table(['format', '', 'suite', 'compared with'], rows)}`
}

function link(path: string): string {
  return `[${path.split('/').at(-1)}](../../${path})`
}

function table(heads: readonly string[], rows: readonly string[]): string {
  return `${row(heads)}|${'---|'.repeat(heads.length)}\n${rows.join('')}`
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |\n`
}
