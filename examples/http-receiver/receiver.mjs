/**
 * Receives what Millrace's http sink sends (`body: batch`, `format: native`) and keeps a copy of every table in SQLite. Node 22.18 or newer, nothing to install:
 *
 *   WEBHOOK_SECRETS="whsec_…" node receiver.mjs
 *
 * Messages come at least once. Each has an id that is the same whenever it comes again, so a change and its id are written in one
 * transaction, and what is there already is passed over: the copy is as if each had come once. It answers only when that is on disk.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'

const { PORT = '8080', DATABASE = './received.db', WEBHOOK_SECRETS = '' } = process.env
/** One secret, or more while one replaces another. */
const secrets = WEBHOOK_SECRETS.split(' ').filter((secret) => secret.startsWith('whsec_'))
/** A request that was signed longer ago, or will be, is somebody's copy of one. */
const TOLERANCE_S = 300
const LARGEST_BODY = 16_000_000

if (secrets.length === 0) throw new Error('Set WEBHOOK_SECRETS to what `secrets` of the sink holds')

const database = new DatabaseSync(DATABASE)
database.exec(`
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS copy (name TEXT, key TEXT, row TEXT, PRIMARY KEY (name, key)) WITHOUT ROWID;
`)
const remember = database.prepare('INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING')
const find = database.prepare('SELECT row FROM copy WHERE name = ? AND key = ?')
const put = database.prepare('INSERT INTO copy VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET row = excluded.row')
const remove = database.prepare('DELETE FROM copy WHERE name = ? AND key = ?')
const empty = database.prepare('DELETE FROM copy WHERE name = ?')

const server = createServer((request, response) => {
  receive(request)
    .catch((error) => (process.stderr.write(`${error.stack}\n`), 500))
    .then((status) => response.writeHead(status).end())
})
server.listen(Number(PORT), () => process.stdout.write(`listening on port ${server.address().port}\n`))

/** The status to answer with. 2xx: it is written. 400 and 413 set a message aside, other 4xx stop the pipeline; any 5xx makes it try again. */
async function receive(request) {
  if (request.method === 'OPTIONS') return 204 // `millrace check`
  if (request.method !== 'POST') return 405
  const body = await read(request)
  if (body === null) return 413
  if (!isSigned(request.headers, body)) return 401
  const messages = parse(body)
  if (messages === null) return 400
  writeAll(messages)
  return 204
}

async function read(request) {
  const pieces = []
  let bytes = 0
  for await (const piece of request) {
    bytes += piece.length
    if (bytes <= LARGEST_BODY) pieces.push(piece)
  }
  return bytes <= LARGEST_BODY ? Buffer.concat(pieces).toString() : null
}

/** As https://www.standardwebhooks.com says; the package `standardwebhooks` does the same. */
function isSigned(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures = '' } = headers
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_S)) return false
  const expected = secrets.map((secret) =>
    createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
      .update(`${id}.${timestamp}.${body}`)
      .digest(),
  )
  return signatures.split(' ').some((signature) => {
    const found = Buffer.from(signature.replace(/^v1,/, ''), 'base64')
    return expected.some((each) => each.length === found.length && timingSafeEqual(each, found))
  })
}

/** Numbers keep all their digits: JavaScript's own would lose some of a bigint's. */
function parse(body) {
  try {
    const messages = JSON.parse(body, (_, value, { source }) => (typeof value === 'number' ? JSON.rawJSON(source) : value))
    return Array.isArray(messages) ? messages : null
  } catch {
    return null
  }
}

function writeAll(messages) {
  database.exec('BEGIN IMMEDIATE')
  try {
    for (const { id, value } of messages) if (remember.run(id).changes === 1) write(value)
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

function write({ op, table, key, oldKey, after, unchanged }) {
  if (op === 'message') return
  if (op === 'truncate') return void empty.run(table)
  if (op === 'delete') return void remove.run(table, JSON.stringify(key))
  // What a change did not send stays as it is: of a row that changes its key, as it was under the old one.
  const before = unchanged?.length > 0 ? find.get(table, JSON.stringify(oldKey ?? key)) : undefined
  if (oldKey) remove.run(table, JSON.stringify(oldKey))
  put.run(table, JSON.stringify(key), before ? merged(before.row, after) : JSON.stringify(after))
}

function merged(row, after) {
  const [before] = parse(`[${row}]`)
  return JSON.stringify({ ...before, ...after })
}
