/** An endpoint that fails now and then, and a process that is killed again and again, under load: no gap, and each key in order. */
import { setTimeout as passed } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { startReceiver, type Answer, type Element, type Received } from '../../src/sinks/http/receiver.fixture.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'

const ROWS = 2000
const KEYS = 40

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

test(
  'killed six times under load, with an endpoint that fails, every change arrives and those of a key in order',
  { timeout: 240_000 },
  async () => {
    const database = await server.createDatabase('killhttp')
    const url = server.url(database)
    await server.query(`CREATE TABLE counters (id int PRIMARY KEY, version int NOT NULL, note text NOT NULL)`, [], database)
    await server.query(`INSERT INTO counters SELECT g, 1, repeat(md5(g::text), 6) FROM generate_series(1, ${ROWS}) g`, [], database)
    const ledger = createLedger()
    await using receiver = await startReceiver({ answer: ledger.answer })
    const cwd = folderWith({ 'shop.yaml': configuration(url, receiver.url) })
    const writer = startWriter(database)

    for (let round = 0; round < 6; round++) {
      const run = startMillrace(['run', '-c', 'shop.yaml'], { cwd })
      const before = ledger.count()
      await until(() => ledger.count() > before + 50 || run.child.exitCode !== null, 60_000, 'changes that nobody has seen')
      expect(run.child.exitCode, run.output.stderr).toBeNull()
      // Where the kill falls is chance; that is the point.
      await passed(((round * 7919) % 13) * 30)
      run.child.kill('SIGKILL')
      await run.finished
    }
    await writer.stop()
    const last = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd })
    expect(last.code, last.stderr).toBe(0)

    expect(ledger.faults).toEqual([])
    const { rows } = await server.query('SELECT id, version FROM counters', [], database)
    expect(ledger.versions()).toEqual(Object.fromEntries(rows.map(({ id, version }) => [id, version])))
    expect(rows.length).toBeGreaterThan(ROWS)
    // It would show nothing if nothing had come twice, nothing had failed, or never two at once.
    expect(ledger.repeated()).toBeGreaterThan(0)
    expect(ledger.failed()).toBeGreaterThan(10)
    expect(receiver.most).toBeGreaterThan(1)
  },
)

function configuration(source: string, url: string): string {
  return `name: killhttp
source: { type: postgres, url: "${source}" }
snapshot: { chunkSize: 64kB, parallel: 2 }
sinks: [{ type: http, url: "${url}", concurrency: 3, maxRecords: 40 }]
`
}

/** Counts what a receiver that drops what it has seen would see. */
function createLedger() {
  const seen = new Set<string>()
  const versions = new Map<number, number>()
  const faults: string[] = []
  let [asked, repeated, failed] = [0, 0, 0]

  function take({ id, value }: Element): void {
    if (seen.has(id)) return void repeated++
    seen.add(id)
    const { op, after } = value as { op: string; after: { id: number; version: number } } // the native format, and rows are only inserted and updated
    const last = versions.get(after.id)
    // A row that is read holds all changes up to its place: then they go on from there, each one more.
    const isNext = last === undefined || (op === 'read' ? after.version >= last : after.version === last + 1)
    if (!isNext) faults.push(`${op} of ${after.id}: version ${after.version} after ${last}`)
    versions.set(after.id, after.version)
  }

  /** Of every so many requests one is refused, one is taken and cut, one is told to wait, one is slow. */
  function answer({ body }: Received): Answer {
    const turn = asked++ % 53
    if ([7, 23, 41].includes(turn)) failed++
    if (turn === 7) return { status: 503 }
    if (turn === 41) return { status: 429, headers: { 'retry-after': '0' } }
    for (const element of JSON.parse(body) as Element[]) take(element)
    if (turn === 23) return { status: null }
    return { status: 200, ...(turn === 31 && { after: passed(20) }) }
  }

  return {
    answer,
    faults,
    count: () => seen.size,
    repeated: () => repeated,
    failed: () => failed,
    versions: () => Object.fromEntries(versions),
  }
}

/** One transaction after the other: a few rows made one version newer, and a new row. */
function startWriter(database: string) {
  let isStopped = false
  let turn = 0
  const running = (async () => {
    const client = await server.connect(database)
    while (!isStopped) {
      const ids = Array.from({ length: 5 }, (_, at) => 1 + ((turn * 7 + at * 11) % KEYS))
      await client.query('BEGIN')
      await client.query('UPDATE counters SET version = version + 1 WHERE id = ANY($1)', [[...ids, 1 + (turn % ROWS)]])
      await client.query('INSERT INTO counters VALUES ($1, 1, $2)', [ROWS + ++turn, 'new'])
      await client.query('COMMIT')
    }
    await client.end()
  })()
  return {
    async stop() {
      isStopped = true
      await running
    },
  }
}
