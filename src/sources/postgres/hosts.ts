import { existsSync } from 'node:fs'
import type { Written } from './connection-text.ts'
import { invalid } from './connection-values.ts'

/** One place to try. */
export type SourceHost = {
  /** A host name, an address, or the folder of a Unix socket; empty where nothing was said: this machine. */
  host: string
  /** An address to connect to instead of looking the name up. */
  address: string | undefined
  port: number
}

const DEFAULT_PORT = 5432
/** Where Debian's and upstream's servers put their sockets. */
const SOCKET_FOLDERS = ['/var/run/postgresql', '/tmp']

/** `host`, `hostaddr` and `port` as the places they name, in order: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS */
export function readHosts(parameters: Written): readonly SourceHost[] {
  const [names, addresses, ports] = [listOf(parameters, 'host'), listOf(parameters, 'hostaddr'), listOf(parameters, 'port')]
  const count = Math.max(names.length, addresses.length, 1)
  if (names.length > 0 && addresses.length > 0 && names.length !== addresses.length)
    throw invalid(`host names ${names.length} places and hostaddr ${addresses.length}`)
  if (ports.length > 1 && ports.length !== count) throw invalid(`the number of ports (${ports.length}) is not that of hosts (${count})`)
  return Array.from({ length: count }, (_, index) => {
    const host = names[index] ?? ''
    if (host.startsWith('@')) throw invalid('abstract sockets are not supported: name the folder of the socket')
    return {
      host: host || (addresses[index] ?? ''),
      address: addresses[index] || undefined,
      port: portOf(ports[ports.length > 1 ? index : 0]),
    }
  })
}

/** The host to connect to: where nothing was said, the local socket if a server listens there, else localhost. */
export function placeOf({ host, port }: SourceHost): string {
  if (host !== '') return host
  return SOCKET_FOLDERS.find((folder) => existsSync(socketPath(folder, port))) ?? 'localhost'
}

/** Whether the host is the folder of a Unix socket. */
export function isSocket(host: string): boolean {
  return host.startsWith('/')
}

/** How a place is named in messages. */
export function nameOf(host: SourceHost): string {
  const place = placeOf(host)
  if (isSocket(place)) return socketPath(place, host.port)
  return place.includes(':') ? `[${place}]:${host.port}` : `${place}:${host.port}`
}

function socketPath(folder: string, port: number): string {
  return `${folder}/.s.PGSQL.${port}`
}

function listOf(parameters: Written, name: string): readonly string[] {
  const text = parameters.get(name)
  return text === undefined || text === '' ? [] : text.split(',').map((one) => one.trim())
}

function portOf(text: string | undefined): number {
  if (!text) return DEFAULT_PORT
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw invalid('a port is not a number between 1 and 65535')
  return port
}
