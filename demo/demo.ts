/**
 * `npm run demo`: a real Postgres, a shop whose writers never rest, and Millrace copying and following it into
 * DuckDB, NDJSON and Parquet files: pulled out by kill -9 half-way, started again, a column added meanwhile, verified at the end.
 * `--keep` goes on until Ctrl-C.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres, until, type PostgresServer } from '../test/servers.ts'
import { foldFiles } from './fold-files.ts'
import { queryLake } from './query-lake.ts'
import { loadShop, NEW_COLUMN, startWriters, type Writers } from './shop.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const output = join(root, 'demo', 'output')
const configuration = join(output, 'millrace.yaml')
const keep = process.argv.includes('--keep')

process.exitCode = await demo()

async function demo(): Promise<number> {
  const begun = Date.now()
  await using server = await startPostgres(18)
  const rows = await prepare(server)
  say(`A shop in Postgres 18 at ${server.url()}: 5 tables, ${rows.toLocaleString('en')} rows, 3 writers at work.`)
  const writers = startWriters(() => server.connect(), 3)

  say('millrace run — and kill -9 once the copy is under way')
  await pullThePlug(millrace(['run', '-c', configuration]))
  say('millrace run --until caught-up — goes on from what is durable; meanwhile the shop gains a column')
  const second = millrace(['run', '-c', configuration, '--until', 'caught-up'])
  await server.query(NEW_COLUMN)
  if ((await ended(second)) !== 0) return fail(writers)
  if (keep) await followUntilInterrupt()
  await writers.stop()
  say(
    `The writers stop: ${writers.transactions().toLocaleString('en')} transactions, ${writers.changes().toLocaleString('en')} changes since the start.`,
  )
  say('millrace run --until caught-up — the rest')
  if ((await ended(millrace(['run', '-c', configuration, '--until', 'caught-up']))) !== 0) return fail(writers)
  return await verify(server, begun)
}

async function prepare(server: PostgresServer): Promise<number> {
  rmSync(output, { recursive: true, force: true })
  mkdirSync(output, { recursive: true })
  writeFileSync(
    configuration,
    `name: shop
source: { type: postgres, url: "${server.url()}", tables: ["public.*"] }
sinks:
  - { type: duckdb, path: ./shop.duckdb }
  - { type: file, path: ./changes }
  - { type: parquet, path: ./lake, rollAfter: 1s }
state: ./state.db
`,
  )
  const client = await server.connect()
  const rows = await loadShop(client)
  await client.end()
  return rows
}

/** kill -9 as soon as the first rows are in a file. */
async function pullThePlug(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  const firstRows = join(output, 'changes')
  await Promise.race([until(() => existsSync(firstRows), 30_000, 'the first file'), gone])
  child.kill('SIGKILL')
  await gone
}

async function followUntilInterrupt(): Promise<void> {
  say('millrace run — until Ctrl-C')
  const child = millrace(['run', '-c', configuration])
  const interrupt = () => child.kill('SIGINT')
  process.on('SIGINT', interrupt)
  await ended(child)
  process.off('SIGINT', interrupt)
}

async function verify(server: PostgresServer, begun: number): Promise<number> {
  const files = await foldFiles(server.url(), join(output, 'changes'))
  say(
    `The NDJSON files, replayed line by line: ${files.lines.toLocaleString('en')} lines give ${files.rows.toLocaleString('en')} rows, ${files.differing} of them unlike the source.`,
  )
  const lake = await queryLake(join(output, 'lake'), join(output, 'shop.duckdb'))
  say(
    `The Parquet files, asked for the latest state by the guide's query: ${lake.files} files give ${lake.rows.toLocaleString('en')} rows, ${lake.differing} of them unlike DuckDB's tables.`,
  )
  const child = millrace(['verify', '-c', configuration], 'pipe')
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const code = await ended(child)
  say(`${((Date.now() - begun) / 1000).toFixed(1)} s in all. Look at it yourself:`)
  process.stdout.write(
    `  duckdb ${relative(process.cwd(), join(output, 'shop.duckdb'))} "SELECT status, count(*), sum(total) FROM public.orders GROUP BY status"\n`,
  )
  process.stdout.write(`  tail -n 1 ${relative(process.cwd(), join(output, 'changes'))}/public.orders/*.ndjson\n`)
  process.stdout.write(
    `  duckdb -c "SELECT _op, count(*) FROM read_parquet('${relative(process.cwd(), join(output, 'lake'))}/public.orders/changes/*.parquet') GROUP BY _op"\n`,
  )
  if (files.differing > 0 || lake.differing > 0) return 1
  process.stdout.write(printed)
  return code
}

async function fail(writers: Writers): Promise<number> {
  await writers.stop()
  return 1
}

function millrace(args: string[], stdout: 'inherit' | 'pipe' = 'inherit'): ChildProcess {
  return spawn(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], { cwd: output, stdio: ['ignore', stdout, 'inherit'] })
}

async function ended(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

function say(text: string): void {
  process.stdout.write(`\n▸ ${text}\n`)
}
