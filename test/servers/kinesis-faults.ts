/** An HTTP proxy before a Kinesis that does harm as it is told; without one behind it, it answers by itself. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** `records` of a PutRecords, else empty. */
export type KinesisRequest = { action: string; records: readonly { PartitionKey: string; Data: string }[] }

/**
 * What becomes of a request: `pass`; `cut` the connection before anything is done; `lose` the answer to what was done; `refuse` all of it;
 * refuse the records at these indexes, while the others are stored; `answer` with a text of one's own; or `hold` the answer to what was done.
 */
export type KinesisFate =
  | 'pass'
  | 'cut'
  | 'lose'
  | { refuse: string; status: number; message?: string; headers?: Record<string, string> }
  | { refuseRecords: readonly number[]; code?: string }
  | { answer: string }
  | { hold: Promise<void> }

export type KinesisFaults = { url: string; seen: KinesisRequest[]; stop(): Promise<void> }

export async function startKinesisFaults(
  fate: (request: KinesisRequest, count: number) => KinesisFate,
  behind?: string,
): Promise<KinesisFaults> {
  const seen: KinesisRequest[] = []

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request)
    const read = readRequest(request, body)
    seen.push(read)
    const is = fate(read, seen.length)
    if (is === 'cut') return void request.socket.destroy()
    if (typeof is === 'object' && 'refuse' in is) return write(response, is.status, refusal(is), is.headers)
    if (typeof is === 'object' && 'answer' in is) return write(response, 200, is.answer)
    const { status, text } =
      typeof is === 'object' && 'refuseRecords' in is
        ? await passSome({ request, body, behind }, is)
        : await pass({ request, body, behind })
    if (typeof is === 'object' && 'hold' in is) await is.hold
    if (is === 'lose') request.socket.destroy()
    else write(response, status, text)
  }

  const server = createServer((request, response) => void answer(request, response).catch(() => request.socket.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

type Passing = { request: IncomingMessage; body: string; behind: string | undefined }
type Answer = { status: number; text: string }

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer) // no encoding is set
  return Buffer.concat(parts).toString()
}

function readRequest(request: IncomingMessage, body: string): KinesisRequest {
  const action = String(request.headers['x-amz-target']).replace(/^.*\./, '')
  const { Records = [] } = JSON.parse(body) as { Records?: KinesisRequest['records'] }
  return { action, records: Records }
}

/** The servers of the tests look at no signature, so a body may be changed. */
async function pass({ request, body, behind = '' }: Passing): Promise<Answer> {
  const { host: _, connection: __, 'content-length': ___, 'transfer-encoding': ____, ...headers } = request.headers
  const answer = await fetch(behind, { method: 'POST', headers: headers as Record<string, string>, body }) // of one value each
  return { status: answer.status, text: await answer.text() }
}

type Result = { SequenceNumber?: string; ShardId?: string; ErrorCode?: string; ErrorMessage?: string }

async function passSome(
  { body, ...passing }: Passing,
  { refuseRecords, code = THROTTLED }: { refuseRecords: readonly number[]; code?: string },
) {
  const asked = JSON.parse(body) as { Records: unknown[] } // only PutRecords is refused in part
  const left = asked.Records.filter((_, index) => !refuseRecords.includes(index))
  const stored = left.length === 0 ? [] : await storeSome({ ...passing, body: JSON.stringify({ ...asked, Records: left }) })
  const Records = asked.Records.map((_, index) => {
    if (refuseRecords.includes(index)) return { ErrorCode: code, ErrorMessage: 'as told' }
    return stored.shift() ?? {}
  })
  return { status: 200, text: JSON.stringify({ FailedRecordCount: refuseRecords.length, Records }) }
}

const THROTTLED = 'ProvisionedThroughputExceededException'

async function storeSome(passing: Passing): Promise<Result[]> {
  const { text } = await pass(passing)
  return (JSON.parse(text) as { Records: Result[] }).Records
}

function refusal({ refuse, message = 'as told' }: { refuse: string; message?: string }): string {
  return JSON.stringify({ __type: refuse, message })
}

function write(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers })
  response.end(text)
}
