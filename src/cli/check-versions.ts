import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config, ConfiguredSink } from '../config/config.ts'
import type { Finding } from '../contracts/definition.ts'
import { packageVersion } from './version.ts'

/** What is at work here: Millrace, Node, and the sinks' client libraries, which are installed apart from it. */
export function checkVersions(config: Config): readonly Finding[] {
  const own = fine('millrace', `Millrace ${packageVersion()}, Node ${process.versions.node} on ${process.platform} ${process.arch}.`)
  const wanted = Object.entries(peers()).filter(([name]) => config.sinks.some((sink) => isUsedBy(name, sink)))
  return [own, ...wanted.map(([name, version]) => library(name, version))]
}

/** A library names in its own name what it reaches: a type of sink, or the store that a path leads to. */
function isUsedBy(name: string, { type, config }: ConfiguredSink): boolean {
  const { path } = config as { path?: unknown } // only sinks that write files have one
  return name.includes(type) || (name.includes('client-s3') && typeof path === 'string' && path.startsWith('s3:'))
}

/** One that is missing is the sink's own error. */
function library(name: string, tested: string): Finding {
  const found = installedVersion(name)
  if (found === null || found === tested) return fine(name, `${name} ${found ?? 'is not installed'}.`)
  const message = `${name} is ${found}; Millrace is tested with ${tested}.`
  return { severity: 'warning', code: 'VERSION', area: 'versions', subject: name, message, hint: `Run npm install ${name}@${tested}.` }
}

function fine(subject: string, message: string): Finding {
  return { severity: 'ok', code: 'VERSION', area: 'versions', subject, message, hint: null }
}

function peers(): Record<string, string> {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { peerDependencies?: Record<string, string> }).peerDependencies ?? {} // our own package.json
}

/** As Node looks for it: in each node_modules from here outwards. Loading it would cost more than all of `check`. */
export function installedVersion(name: string): string | null {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name, 'package.json')
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version?: string }).version ?? null // a package's own
  }
  return null
}
