/** An HTTP proxy that does harm as it is told; without a server behind it, it answers by itself. */
import { once } from 'node:events'
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http'

/**
 * What becomes of a request: `pass`; `cut` the connection while it is sent; `lose` the answer to what was done;
 * `refuse` with an error of S3's.
 */
export type Fate = 'pass' | 'cut' | 'lose' | { refuse: string; status: number; headers?: Record<string, string> }

export type FaultProxy = { url: string; seen: string[]; stop(): Promise<void> }

/** `fate` sees each request as `METHOD path?query`. */
export async function startFaultProxy(fate: (request: string, count: number) => Fate, behind?: string): Promise<FaultProxy> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const name = `${request.method} ${request.url}`
    seen.push(name)
    const is = fate(name, seen.length)
    if (is === 'cut') request.socket.destroy()
    else if (typeof is === 'object') refuse(request, response, is)
    else pass({ request, response, isLost: is === 'lose' }, behind ?? '')
  })
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

function refuse(request: IncomingMessage, response: ServerResponse, { refuse: code, status, headers }: Exclude<Fate, string>): void {
  request.resume().on('end', () => {
    response.writeHead(status, { 'content-type': 'application/xml', ...headers })
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>as told</Message></Error>`)
  })
}

type Passing = { request: IncomingMessage; response: ServerResponse; isLost: boolean }

/** The host stays as the client signed it. */
function pass({ request, response, isLost }: Passing, behind: string): void {
  const { hostname, port } = new URL(behind)
  const onward = forward({ hostname, port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
    if (isLost) {
      answer.resume().on('end', () => request.socket.destroy())
      return
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => request.socket.destroy())
  request.pipe(onward)
}
