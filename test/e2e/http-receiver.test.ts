/** The receiver of examples/http-receiver, as its users start it, and the http sink. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Webhook } from 'standardwebhooks'
import { folderWith, ROOT } from '../../src/cli/run-cli.fixture.ts'
import { createNative } from '../../src/formats/native/native.ts'
import { openSink, signal } from '../../src/sinks/http/sink.fixture.ts'
import type { Batch } from '../../src/contracts/batch.ts'
import { UNCHANGED, type Row } from '../../src/contracts/table.ts'
import { batchOf, deleteOf, insertOf, rowsAt, truncateOf, updateOf, userRow, usersTable } from '../../src/testing/fixtures.ts'

const users = usersTable()
const orders = usersTable({ name: 'orders', id: 2 })
const secret = (n: number) => `whsec_${Buffer.alloc(24, n).toString('base64')}`

let folder: string
let receiver: { child: ChildProcess; port: string }
beforeEach(async () => {
  folder = folderWith({})
  receiver = await start('0')
})
afterEach(() => kill())

async function start(port: string): Promise<typeof receiver> {
  const child = spawn(process.execPath, ['--no-warnings', join(ROOT, 'examples/http-receiver/receiver.mjs')], {
    cwd: folder,
    env: { ...process.env, PORT: port, WEBHOOK_SECRETS: `${secret(1)} ${secret(2)}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, port: /port (\d+)/.exec(line.toString())?.[1] ?? '' }
}

async function kill(): Promise<void> {
  const ended = once(receiver.child, 'close')
  receiver.child.kill('SIGKILL')
  await ended
}

const url = () => `http://127.0.0.1:${receiver.port}/changes`

async function send(settings: Record<string, unknown>, ...batches: Batch[]): Promise<void> {
  const { sink } = openSink({ url: url(), secrets: secret(1), ...settings }, createNative())
  try {
    for (const batch of batches) await sink.write(batch, signal)
    await sink.flush(signal)
  } finally {
    await sink[Symbol.asyncDispose]()
  }
}

/** `id` → name, of one table of the copy. */
function copyOf(table: string): Record<string, string> {
  using database = new DatabaseSync(join(folder, 'received.db'), { readOnly: true })
  const rows = database.prepare('SELECT row FROM copy WHERE name = ?').all(table) as { row: string }[]
  return Object.fromEntries(rows.map(({ row }) => [/"id":(\d+)/.exec(row)?.[1], (JSON.parse(row) as { name: string }).name]))
}

const partial = (id: bigint, name: string): Row => [id, name, UNCHANGED, UNCHANGED]
const batches: Batch[] = [
  rowsAt(1, { table: users, chunk: 'public.users/g/0', rows: [1, 2, 3].map((id) => userRow(id)) }),
  batchOf(2, updateOf(users, partial(1n, 'new')), deleteOf(users, userRow(2)), insertOf(orders, userRow(7))),
  batchOf(
    3,
    updateOf(users, partial(9_007_199_254_740_993n, 'moved'), { before: userRow(3), oldKey: userRow(3) }),
    insertOf(users, userRow(2, 'again')),
  ),
]
const EXPECTED = { '1': 'new', '2': 'again', '9007199254740993': 'moved' }

test('keeps a copy of each table, also when everything comes again, and when it is killed between', async () => {
  await send({}, ...batches)
  expect(copyOf('public.users')).toEqual(EXPECTED)
  await kill()
  receiver = await start(receiver.port)
  for (const concurrency of [1, 4]) await send({ concurrency, secrets: [secret(3), secret(2)] }, ...batches)
  expect(copyOf('public.users')).toEqual(EXPECTED)
  expect(copyOf('public.orders')).toEqual({ '7': 'user 7' })
  await send({}, batchOf(4, truncateOf(orders)))
  expect(copyOf('public.orders')).toEqual({})
})

test('lets nobody in without a signature of its own, of this body and of now', async () => {
  await expect(send({ secrets: secret(3) }, ...batches)).rejects.toMatchObject({ code: 'SINK_HTTP_DENIED' })
  await expect(send({ secrets: undefined }, ...batches)).rejects.toMatchObject({ code: 'SINK_HTTP_DENIED' })
  const body = JSON.stringify([{ id: 'x', value: { op: 'insert', table: 'public.users', key: { id: 1 }, after: { id: 1, name: 'x' } } }])
  expect(await post(body, { at: new Date(Date.now() - 400_000) })).toBe(401)
  expect(await post(body, { signed: '[]' })).toBe(401)
  expect(copyOf('public.users')).toEqual({})
  expect(await post(body, {})).toBe(204)
  expect(copyOf('public.users')).toEqual({ '1': 'x' })
})

test('says what is wrong by its status', async () => {
  expect(await post('nonsense', {})).toBe(400)
  expect(await post('{}', {})).toBe(400)
  expect(await post('[{"id":"x","value":null}]', {})).toBe(500)
  expect(await post(`"${'x'.repeat(16_000_000)}"`, {})).toBe(413)
  expect((await fetch(url(), { method: 'OPTIONS' })).status).toBe(204)
  expect((await fetch(url())).status).toBe(405)
})

async function post(body: string, { at = new Date(), signed = body }: { at?: Date; signed?: string }): Promise<number> {
  const headers = {
    'webhook-id': 'a',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret(2)).sign('a', at, signed),
  }
  return (await fetch(url(), { method: 'POST', body, headers })).status
}
