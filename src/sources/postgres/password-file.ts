import { readFileSync, statSync } from 'node:fs'

/** Who wants to log in where, as the fields of a line are compared. */
export type Login = { host: string; port: number; database: string; user: string }

/**
 * The password for a login from libpq's password file (https://www.postgresql.org/docs/current/libpq-pgpass.html), or why
 * there is none. Read at each login: a file whose passwords expire is filled again by somebody else.
 */
export function readPasswordFile(path: string, login: Login): { password: string | null; ignored: string | null } {
  const fault = faultOfPasswordFile(path)
  if (fault !== null) return { password: null, ignored: `${fault.what}: ${fault.hint}` }
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return { password: null, ignored: null }
  }
  return { password: findPassword(text, login), ignored: null }
}

/** The first line that fits: `host:port:database:user:password`, `*` for any, a backslash before : and \. */
export function findPassword(text: string, login: Login): string | null {
  const wanted = [login.host, String(login.port), login.database, login.user]
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue
    const fields = line.match(/(?:[^:\\]|\\.|\\$)*(?::|$)/g)
    if (!fields || fields.length < 5) continue
    const [places, rest] = [fields.slice(0, 4), fields.slice(4).join('')]
    const fits = places.every((field, index) => field === '*:' || unescape(field.slice(0, -1)) === wanted[index])
    if (fits) return unescape(rest)
  }
  return null
}

function unescape(field: string): string {
  return field.replace(/\\(.)/g, '$1')
}

/** Why a file is ignored, as libpq does: others may read it, or it is none. Windows knows no such rights. */
export function faultOfPasswordFile(path: string): { what: string; hint: string } | null {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return null
  if (!found.isFile()) return { what: `${path} is not a plain file`, hint: 'Name a file by passfile=… or PGPASSFILE.' }
  const isOpen = process.platform !== 'win32' && (found.mode & 0o077) !== 0
  return isOpen ? { what: `others may read ${path}`, hint: `Run chmod 600 ${path}.` } : null
}
