import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { foldFiles } from '../../demo/fold-files.ts'
import { millrace } from '../../src/cli/run-cli.fixture.ts'
import type { Element } from '../../src/sinks/http/receiver.fixture.ts'
import { createLocalStore } from '../../src/sinks/parquet/local-store.ts'
import { foldLake } from '../e2e/fold-lake.ts'
import type { PostgresServer } from '../servers.ts'
import { checkDuckdb } from './check-duckdb.ts'
import { checkLines, type Line } from './check-lines.ts'
import { lineOf, linesOfFiles, linesOfLake, linesOfText } from './lines-of.ts'
import type { Life } from './supervise.ts'
import { EVENTS, type Truth } from './truth.ts'

type End = {
  server: PostgresServer
  database: string
  client: pg.Client
  cwd: string
  truth: Truth
  lives: readonly Life[]
  /** What the receiver of requests took, in order. */
  taken: readonly Element[]
  url: string
}

/** What every run must end with. */
export async function checkEnd(end: End): Promise<{ faults: string[]; lines: number }> {
  const { client, cwd, truth, lives, taken, url } = end
  const tables = [...truth.tables.keys(), EVENTS]
  const files = linesOfFiles(join(cwd, 'changes'))
  const xids = new Map(files.flatMap(({ position, xid }) => (xid === null ? [] : [[position, xid] as const])))
  const lake = await linesOfLake(join(cwd, 'lake'), tables, xids)
  const printed = lives.map(({ stdout, floor }) => ({ floor, lines: linesOfText(Buffer.concat(stdout).toString()) }))
  const sent = taken.map(({ value }) => lineOf(value as Parameters<typeof lineOf>[0]))
  const faults = [
    ...checkLines(truth, files, { sink: 'file', exactlyOnce: true, inLogOrder: true }),
    ...checkLines(truth, lake, { sink: 'parquet', exactlyOnce: true, inLogOrder: true }),
    ...checkLines(
      truth,
      printed.flatMap(({ lines }) => lines),
      { sink: 'stdout', exactlyOnce: false, inLogOrder: true },
    ),
    ...checkLines(truth, sent, { sink: 'http', exactlyOnce: false, inLogOrder: false }),
    ...printed.flatMap(({ floor, lines }, at) => checkFloor(floor, lines, at)),
    ...(await checkDuckdb(join(cwd, 'shop.duckdb'), client, tables)),
    ...(await checkValues(url, cwd)),
    ...(await checkLeft(end)),
  ]
  return { faults, lines: files.length + lake.length + sent.length + printed.reduce((sum, { lines }) => sum + lines.length, 0) }
}

/** A process says nothing again that the state store had as said when it began. */
function checkFloor(floor: string | null, lines: readonly Line[], life: number): string[] {
  if (floor === null) return []
  const settled = lines.find(({ ordinal, position }) => ordinal !== null && isSettled(position, ordinal, floor))
  return settled
    ? [`stdout: process ${life + 1} says ${settled.position}:${settled.ordinal} again, from before its checkpoint ${floor}`]
    : []
}

function isSettled(position: string, ordinal: number, floor: string): boolean {
  // A position without an ordinal is the place before the transaction that is committed there.
  if (floor.length === position.length || !floor.startsWith(position)) return position < floor
  return ordinal <= Number.parseInt(floor.slice(position.length + 1), 16)
}

/** Every value of every column, not the versions alone: by the product's own comparison, and by replaying the files. */
async function checkValues(url: string, cwd: string): Promise<string[]> {
  const faults: string[] = []
  const verified = await millrace(['verify', '-c', 'chaos.yaml'], { cwd })
  if (!verified.stdout.includes('verified: source = sink')) faults.push(`duckdb: verify says ${verified.stdout}${verified.stderr}`)
  const files = await foldFiles(url, join(cwd, 'changes'))
  if (files.differing > 0 || files.repeated > 0)
    faults.push(`file: ${files.differing} rows differ from the source, ${files.repeated} changes twice`)
  await using store = createLocalStore({ sink: 'lake', root: join(cwd, 'lake'), owner: 'chaos' })
  const lake = await foldLake(url, store)
  if (lake.differing.length > 0 || lake.repeated > 0)
    faults.push(`parquet: ${lake.differing.length} rows differ: ${lake.differing.slice(0, 5).join(', ')}`)
  return faults
}

const BELONGS = /^(chaos\.yaml|state\.db(\.lock)?|shop\.duckdb|changes\/.*\.ndjson|lake\/.*\.parquet)$/

/** No slot that somebody reads, no file that only a crash would leave; and after `drop` nothing at all in the database. */
async function checkLeft({ server, database, cwd }: End): Promise<string[]> {
  const faults: string[] = []
  const slots = () => server.query('SELECT slot_name, active FROM pg_replication_slots WHERE database = $1', [database])
  const held = (await slots()).rows as { slot_name: string; active: boolean }[]
  if (held.length !== 1 || held.some(({ active }) => active)) faults.push(`slots: ${JSON.stringify(held)}`)
  const entries = readdirSync(cwd, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const left = entries.map((entry) => join(entry.parentPath, entry.name).slice(cwd.length + 1)).filter((path) => !BELONGS.test(path))
  if (left.length > 0) faults.push(`files are left over: ${left.slice(0, 10).join(', ')}`)
  const dropped = await millrace(['drop', '-c', 'chaos.yaml', '--yes'], { cwd })
  const remain = (await slots()).rowCount
  const published = (await server.query('SELECT 1 FROM pg_publication', [], database)).rowCount
  if (dropped.code !== 0 || remain !== 0 || published !== 0)
    faults.push(`drop leaves ${remain} slots, ${published} publications: ${dropped.stderr}`)
  return faults
}
