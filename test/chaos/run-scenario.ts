import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startReceiver, type Element } from '../../src/sinks/http/receiver.fixture.ts'
import { createRandom, rest } from '../model/random.ts'
import { startPostgres, type PostgresMajor, type PostgresServer } from '../servers.ts'
import { startTcpProxy } from '../servers/tcp-proxy.ts'
import { checkEnd } from './check-end.ts'
import { injectAll, type Scene } from './inject.ts'
import { checkLives } from './check-lives.ts'
import type { Scenario } from './scenario.ts'
import { supervise } from './supervise.ts'
import { EVENTS, JOURNAL, readTruth } from './truth.ts'
import { createTables, startWorkload } from './workload.ts'

export type Outcome = { faults: string[]; lives: number; transactions: number; lines: number; seconds: number }

/** A sign of life is asked for so soon that a frozen process is one that the server gives up. */
const SETTINGS = { wal_sender_timeout: "'2s'", max_wal_size: "'1GB'", checkpoint_timeout: "'30s'" }
const CAUGHT_UP_MS = 120_000
const ENDED_MS = 60_000

/** One run: a pipeline into every sink under load and faults; then peace, and what the sinks hold is compared with what happened. */
export async function runScenario(scenario: Scenario, major: PostgresMajor): Promise<Outcome> {
  const begunMs = Date.now()
  const cwd = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), 'chaos-'))
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1g', 'millrace-chaos', cwd]).status === 0
  const unmount = () => void (isMounted && spawnSync('umount', ['-l', cwd]))
  process.once('exit', unmount)
  try {
    await using server = await startPostgres(major, SETTINGS)
    return { ...(await runOn(server, scenario, cwd)), seconds: (Date.now() - begunMs) / 1000 }
  } finally {
    process.off('exit', unmount)
    unmount()
    if (process.env.CHAOS_KEEP === undefined) rmSync(cwd, { recursive: true, force: true })
  }
}

async function runOn(server: PostgresServer, scenario: Scenario, cwd: string): Promise<Omit<Outcome, 'seconds'>> {
  const database = await server.createDatabase('chaos')
  const { seed, rows, writers, reshapes, truncates } = scenario
  const options = { seed, rows, writers, reshapes, truncates, restMs: 25 }
  const admin = await server.connect(database)
  await createTables(admin, options)
  await admin.end()

  await using proxy = await startTcpProxy({ host: '127.0.0.1', port: server.port })
  const http = { slowMs: 0 }
  const random = createRandom(seed + 1)
  await using receiver = await startReceiver({
    answer: () => {
      const dice = random.below(60)
      if (dice === 0) return { status: 503 }
      if (dice === 1) return { status: null, taken: true }
      return { status: 200, ...(http.slowMs > 0 && { after: rest(http.slowMs) }) }
    },
  })
  writeFileSync(join(cwd, 'chaos.yaml'), configuration(scenario, `postgres://postgres@127.0.0.1:${proxy.port}/${database}`, receiver.url))
  const workload = startWorkload(server, database, options)
  const pipeline = supervise(cwd, 'stdout')
  const scene: Scene = { server, database, proxy, pipeline, cwd, http, turn: createTurns(), lifeTurn: createTurns() }
  const since = readSince(scene)
  let hasEnded = true
  try {
    await injectAll(scene, scenario)
  } finally {
    await workload.stop()
    hasEnded = await pipeline.stop(random.chance(0.5) ? 'SIGTERM' : 'SIGKILL', ENDED_MS)
  }
  const last = await pipeline.runOnce(['run', '-c', 'chaos.yaml', '--until', 'caught-up'], CAUGHT_UP_MS)
  const faults = checkLives(pipeline.lives, scenario)
  if (!hasEnded) faults.push(`stuck: not ended ${ENDED_MS / 1000} s after SIGTERM`)
  if (last === null)
    return {
      faults: [...faults, `stuck: not caught up within ${CAUGHT_UP_MS / 1000} s\n${tail(pipeline.lives.at(-1)?.stderr)}`],
      lives: pipeline.lives.length,
      transactions: 0,
      lines: 0,
    }
  if (last.code !== 0) faults.push(`the last run ended with ${last.code}\n${tail(last.stderr)}`)

  const client = await server.connect(database)
  const truth = await readTruth(client, { acknowledged: workload.acknowledged, since: await since.end() })
  const taken = receiver.taken as readonly Element[]
  const end = { server, database, client, cwd, truth, lives: pipeline.lives, taken, url: server.url(database) }
  const checked = await checkEnd(end).catch((error: Error) => ({ faults: [`what is left cannot be read: ${error.stack}`], lines: 0 }))
  await client.end()
  return { faults: [...faults, ...checked.faults], lives: pipeline.lives.length, transactions: truth.transactions, lines: checked.lines }
}

/** The clock at a moment in which the stream is surely followed: whatever comes after it must be in every log. */
function readSince({ server, database, pipeline }: Scene) {
  const since = new Map<string, number>()
  let isOver = false
  const reading = (async () => {
    while (!isOver && since.size === 0) {
      await rest(20)
      if (!pipeline.lives.some(({ stderr }) => stderr.includes('"started"'))) continue
      const read = await server.query("SELECT nextval('clock')::text AS v", [], database).catch(() => null)
      if (read !== null) for (const table of ['public.items', 'public.pairs', EVENTS, JOURNAL]) since.set(table, Number(read.rows[0].v))
    }
  })()
  return {
    async end() {
      isOver = true
      await reading
      return since
    },
  }
}

function createTurns(): Scene['turn'] {
  let before: Promise<unknown> = Promise.resolve()
  return (act) => {
    const mine = before.then(act)
    before = mine.catch(() => {})
    return mine
  }
}

function configuration({ batchBytes, chunkBytes }: Scenario, url: string, receiver: string): string {
  return `name: chaos
source: { type: postgres, url: "${url}", keyless: insert-only, tables: ["public.*"] }
snapshot: { chunkSize: ${chunkBytes / 1024}kB, parallel: 3 }
batch: { maxSize: ${batchBytes / 1024}kB }
sinks:
  - { type: duckdb, path: ./shop.duckdb }
  - { type: file, path: ./changes, rollSize: 300kB }
  - { type: parquet, path: ./lake, rollAfter: 300ms, rollSize: 100kB }
  - { type: stdout }
  - { type: http, url: "${receiver}", concurrency: 3, maxRecords: 200 }
state: ./state.db
`
}

function tail(text = ''): string {
  return text.trimEnd().split('\n').slice(-8).join('\n')
}
