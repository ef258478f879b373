import { invalid } from './connection-values.ts'

/** Parameters by libpq's names, as they were written; lists (of hosts, of ports) still joined by commas. */
export type Written = ReadonlyMap<string, string>

/**
 * Reads a connection string in either of libpq's forms, as libpq does:
 * `postgres://user:password@host:port,host:port/database?name=value` and `host=… dbname=…`
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING). No part of it stands in an error's text but
 * the names of parameters.
 */
export function readConnectionText(text: string): Written {
  const scheme = /^postgres(?:ql)?:\/\//i.exec(text)
  if (scheme) return readUri(text.slice(scheme[0].length))
  if (isKeywordText(text)) return readKeywords(text)
  throw invalid('it does not start with postgres:// and is not of the form host=… dbname=…')
}

/** Whether a text is of the form `host=… dbname=…`. */
export function isKeywordText(text: string): boolean {
  return /^\s*[A-Za-z_]+\s*=/.test(text)
}

const NOT_ENCODED = 'a password with / ? # @ : or % in it must be percent-encoded'

/** `[user[:password]@][host[:port],…][/database][?name=value&…]` */
function readUri(rest: string): Written {
  const [, authority = '', path, query] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest) ?? []
  const at = authority.lastIndexOf('@')
  if (at === -1 && (path ?? query ?? '').includes('@')) throw invalid(NOT_ENCODED)
  const written = new Map<string, string>()
  const put = (name: string, value: string) => value !== '' && written.set(name, value)
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(at === -1 ? '' : authority.slice(0, at)) ?? []
  put('user', decode(user))
  put('password', decode(password))
  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map(readHost)
  put('host', joined(hosts.map(({ host }) => host)))
  put('port', joined(hosts.map(({ port }) => port)))
  put('dbname', decode(path ?? ''))
  for (const pair of (query ?? '').split('&')) readPair(pair, written)
  return written
}

/** An empty list has no commas: libpq then takes what else is known. */
function joined(list: readonly string[]): string {
  return list.every((one) => one === '') ? '' : list.join(',')
}

/** `host:port`, `[address]:port`, or a percent-encoded folder of a socket. */
function readHost(text: string): { host: string; port: string } {
  const found = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text)
  if (!found) throw invalid(`an IPv6 address stands in square brackets, and ${NOT_ENCODED}`)
  const [, address, name = '', port = ''] = found
  if (port !== '' && !/^\d+$/.test(port)) throw invalid(`the port is not a number (${NOT_ENCODED})`)
  return { host: decode(address ?? name), port }
}

function readPair(pair: string, written: Map<string, string>): void {
  if (pair === '') return
  const equals = pair.indexOf('=')
  if (equals === -1) throw invalid('a parameter after the ? has no = and value')
  const [name, value] = [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
  // As in JDBC's URLs, and in libpq.
  if (name === 'ssl') written.set('sslmode', sslmodeOf(value))
  else written.set(name, value)
}

function sslmodeOf(value: string): string {
  if (value === 'true') return 'require'
  throw invalid('ssl takes true only; write sslmode=…')
}

/** `name = value name='va\'lue'`: a backslash takes the next character as it is. */
function readKeywords(text: string): Written {
  const written = new Map<string, string>()
  let rest = text.trim()
  while (rest !== '') {
    const found = /^([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*)?)(?=\s|$)\s*/s.exec(rest)
    if (!found) throw invalid("it is not of the form name=value name='a value' (a quote or a backslash inside is written with a backslash)")
    const [whole, name = '', quoted, plain = ''] = found
    written.set(name, (quoted ?? plain).replace(/\\(.)/gs, '$1'))
    rest = rest.slice(whole.length)
  }
  return written
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw invalid('a % in it is not followed by two hexadecimal digits (write %25 for a %)')
  }
}
