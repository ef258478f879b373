import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'

export type Element = { id: string; topic?: string; key?: unknown; value: unknown; headers?: Record<string, string> }
export type Received = { headers: IncomingMessage['headers']; method: string; body: string }
/** `taken`: whether its messages count as received; `status` null: the connection is cut without an answer. */
export type Answer = { status: number | null; taken?: boolean; headers?: Record<string, string>; after?: Promise<unknown> }

/** A real server, and what it took. */
export type Receiver = AsyncDisposable & {
  url: string
  port: number
  /** Every request, in the order in which they were whole. */
  requests: Received[]
  /** Every message of `batch` bodies that was taken, in order. */
  taken: Element[]
  /** Without those that came before. */
  once(): Element[]
  /** The most requests that were under way at one time. */
  most: number
}

type Options = { answer?(request: Received, at: number): Answer | undefined | void; tls?: ServerOptions; port?: number; host?: string }

export async function startReceiver({ answer = () => {}, tls, port = 0, host = '127.0.0.1' }: Options = {}): Promise<Receiver> {
  const requests: Received[] = []
  const taken: Element[] = []
  const facts = { now: 0, most: 0 }

  const listener: RequestListener = (request, response) => {
    facts.most = Math.max(facts.most, ++facts.now)
    response.on('close', () => facts.now--)
    void receive(request, response).catch(() => response.destroy())
  }
  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer) // without an encoding it gives buffers
    const received = { headers: request.headers, method: request.method ?? '', body: Buffer.concat(pieces).toString() }
    requests.push(received)
    const { status, taken: isTaken, headers = {}, after } = answer(received, requests.length - 1) ?? { status: 204 }
    if (isTaken ?? (status !== null && status < 300)) taken.push(...elementsOf(received.body))
    await after
    if (status === null) return void response.destroy()
    response.writeHead(status, headers).end()
  }

  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.listen(port, host)
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo).port // it listens on TCP
  return {
    url: `http${tls ? 's' : ''}://localhost:${bound}/hook`,
    port: bound,
    requests,
    taken,
    once: () => [...new Map(taken.toReversed().map((each) => [each.id, each])).values()].toReversed(),
    get most() {
      return facts.most
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function elementsOf(body: string): Element[] {
  const parsed: unknown = body.startsWith('[') ? JSON.parse(body) : []
  return (Array.isArray(parsed) ? parsed : []).filter((each): each is Element => typeof each === 'object' && each !== null && 'id' in each)
}
