/** Killed again and again under load, while the service refuses some records and loses answers: a reader who drops repeats sees every change. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKinesisFaults, type KinesisFaults } from '../../../test/servers/kinesis-faults.ts'
import { startKinesalite, type KinesaliteServer } from '../../../test/servers/kinesalite.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { folderWith, millrace, startMillrace } from '../../cli/run-cli.fixture.ts'
import { createTroubles } from './stream.fixture.ts'
import { createStream, type StoredRecord } from './stream-server.fixture.ts'

const ROWS = 40
const KILLS = 5

let server: PostgresServer
let service: KinesaliteServer
let faults: KinesisFaults
beforeAll(async () => {
  server = await startPostgres(testedMajors()[0])
  service = await startKinesalite()
  const { isDue } = createTroubles(31, 2)
  let puts = 0
  faults = await startKinesisFaults(({ action, records }) => {
    if (action !== 'PutRecords') return 'pass'
    if (++puts % 5 === 2) return 'lose'
    return { refuseRecords: records.flatMap(({ Data }, at) => (isDue(0.1, [Data]) ? [at] : [])) }
  }, service.settings.endpoint)
}, 300_000)
afterAll(async () => {
  await faults?.stop()
  await service?.stop()
  await server?.stop()
})

test(
  'a reader that keeps what is above the highest place of a row sees each change once, in order, to the last',
  { timeout: 240_000 },
  async () => {
    const database = await server.createDatabase('kill')
    await server.query(
      `CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL); INSERT INTO counters SELECT i, 0 FROM generate_series(1, ${ROWS}) i`,
      [],
      database,
    )
    const stream = await createStream(service.settings, 3)
    const { region, accessKeyId, secretAccessKey } = service.settings
    const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region }
    const env = { ...keys, AWS_ENDPOINT_URL_KINESIS: faults.url, SHOP_URL: server.url(database) }
    const cwd = folderWith({
      'shop.yaml': `name: ${database}\nsource: { type: postgres, url: "\${env:SHOP_URL}" }\nsinks: [{ type: kinesis, stream: ${stream.name} }]\n`,
    })
    const counting = startCounting(server, database)
    for (let round = 0; round < KILLS; round++) {
      const run = startMillrace(['run', '-c', 'shop.yaml'], { cwd, env })
      const before = faults.seen.length
      counting.more(300)
      await until(() => faults.seen.length > before + 3 + (round % 3) || run.child.exitCode !== null, 60_000, 'requests')
      expect(run.child.exitCode, run.output.stderr).toBeNull()
      run.child.kill('SIGKILL')
      await run.finished
    }
    await counting.stop()
    const last = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd, env })
    expect(last.code, last.stderr).toBe(0)

    const records = await stream.records()
    const rows = await server.query('SELECT id, n FROM counters', [], database)
    const { counts, repeats } = countsSeen(records)
    expect(counts.size).toBe(ROWS)
    for (const { id, n } of rows.rows as { id: number; n: number }[]) {
      const seen = counts.get(id) ?? []
      const first = seen[0] ?? 0
      expect(seen, `row ${id}`).toEqual(Array.from({ length: n - first + 1 }, (_, at) => first + at))
    }
    expect(repeats).toBeGreaterThan(0)
    await stream.remove()
  },
)

/** Adds one to each row in turn, in a transaction each, as often as it is told. */
function startCounting(postgres: PostgresServer, database: string) {
  let left = 0
  let isOver = false
  const counted = (async () => {
    const client = await postgres.connect(database)
    for (let at = 0; !isOver; at++) {
      await until(() => left > 0 || isOver, 120_000, 'more to count')
      left--
      await client.query('UPDATE counters SET n = n + 1 WHERE id = $1', [1 + (at % ROWS)])
    }
    await client.end()
  })()
  return {
    more: (updates: number) => void (left += updates),
    async stop() {
      isOver = true
      await counted
    },
  }
}

type Line = { op: string; key: { id: number }; after: { n: number }; position: string; ordinal: number }

/** The counts of each row as the rule of the guide gives them; rows of the copy stand before its changes. */
function countsSeen(records: readonly StoredRecord[]): { counts: Map<number, number[]>; repeats: number } {
  const counts = new Map<number, number[]>()
  const highest = new Map<number, string>()
  let repeats = 0
  for (const { text } of records) {
    const { op, key, after, position, ordinal } = JSON.parse(text) as Line // native
    if (op === 'read') continue
    const place = `${position} ${String(ordinal).padStart(12, '0')}`
    if (place <= (highest.get(key.id) ?? '')) repeats++
    else {
      highest.set(key.id, place)
      counts.set(key.id, [...(counts.get(key.id) ?? []), after.n])
    }
  }
  return { counts, repeats }
}
