import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Written } from './connection-text.ts'
import { invalid } from './connection-values.ts'
import { faultOf, isParameter, VARIABLES } from './libpq-parameters.ts'

/** What stands around a connection string: the environment that libpq's defaults come from. */
export type Surroundings = Readonly<Record<string, string | undefined>>

/**
 * The parameters that hold: as written, else of the service named, else of the environment (libpq's order).
 * Throws for a parameter that libpq does not know, or that promises what we would not keep.
 */
export function withDefaults(written: Written, env: Surroundings): Written {
  const found = new Map<string, string>()
  const take = (from: Written) => {
    for (const [name, value] of from) if (isParameter(name) && !found.has(name)) found.set(name, value)
  }
  check(written)
  take(written)
  const named = fromVariables(env)
  const service = found.get('service') ?? named.get('service')
  if (service !== undefined) take(readService(service, found.get('servicefile') ?? named.get('servicefile'), env))
  check(named)
  take(named)
  return found
}

/** The folder of a user's own files: `.pgpass`, `.pg_service.conf`, `.postgresql/`. */
export function homeOf(env: Surroundings): string {
  return env.HOME || homedir()
}

function check(parameters: Written): void {
  for (const [name, value] of parameters) {
    const fault = faultOf(name, value)
    if (fault !== null) throw invalid(fault)
  }
}

function fromVariables(env: Surroundings): Written {
  return new Map(
    VARIABLES.flatMap(([name, variable]) => {
      const value = env[variable]
      return value ? [[name, value] as const] : []
    }),
  )
}

/** A section of pg_service.conf: https://www.postgresql.org/docs/current/libpq-pgservice.html */
function readService(service: string, file: string | undefined, env: Surroundings): Written {
  const own = file ?? join(homeOf(env), '.pg_service.conf')
  const places = env.PGSYSCONFDIR ? [own, join(env.PGSYSCONFDIR, 'pg_service.conf')] : [own]
  for (const place of places) {
    const section = sectionOf(readText(place) ?? '', service)
    if (section === null) continue
    check(section)
    return section
  }
  throw invalid(`the service ${service} is not defined in ${places.join(' or ')}`)
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function sectionOf(text: string, name: string): Written | null {
  const section = new Map<string, string>()
  let isInside = false
  let isFound = false
  for (const line of text.split(/\r?\n/).map((each) => each.trim())) {
    const [, header] = /^\[(.*)\]$/.exec(line) ?? []
    if (header !== undefined) {
      isInside = header === name
      isFound ||= isInside
    }
    const equals = line.indexOf('=')
    if (header !== undefined || !isInside || line.startsWith('#') || equals === -1) continue
    section.set(line.slice(0, equals).trim(), line.slice(equals + 1).trim())
  }
  return isFound ? section : null
}
