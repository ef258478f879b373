import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { ConfigFinding } from '../errors/config-finding.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { nearestName } from '../lib/nearest-name.ts'
import type { Config } from './config.ts'
import { fillIn } from './interpolate.ts'
import { findMissingFolders } from './missing-folders.ts'
import { formatPath, type Mistake } from './mistake.ts'
import type { Locate } from './parse-text.ts'
import { validateConfig } from './validate-config.ts'

type Env = Record<string, string | undefined>

/** Reads, fills in and validates a YAML or JSON file. Relative paths start from its folder. `folders`: those of paths must be there, too. */
export async function loadConfig(path: string, env: Env = process.env, more: { folders?: 'must exist' } = {}): Promise<Config> {
  const text = readText(path)
  const { parseText } = await import('./parse-text.ts')
  const { tree, locate, faults } = parseText(text)
  if (faults.length > 0) throw syntaxError(path, faults)
  return resolveConfig(tree, { baseDir: dirname(resolve(path)), env, file: path, locate, ...more })
}

type Options = { baseDir: string; env?: Env; file?: string; locate?: Locate; folders?: 'must exist' }

/** The same for a configuration that is an object already (the library, the command line). */
export async function resolveConfig(raw: unknown, options: Options): Promise<Config> {
  const { baseDir, env = process.env } = options
  const { filled, unfilled } = fillIn(raw, { baseDir, env })
  const { config, mistakes } = await validateConfig(filled, { baseDir, raw })
  // Everything else that is wrong is told with the missing secrets; of what stands for a secret nothing can be said.
  const hidden = new Set(unfilled.map((each) => formatPath(each.mistake.path)))
  const others = mistakes.filter(({ path }) => !hidden.has(formatPath(path)))
  // A folder that is not there is told with other mistakes; alone it is the sink's own error, at the start.
  const isFaulty = others.length > 0 || unfilled.length > 0 || options.folders !== undefined
  const folders = isFaulty ? await findMissingFolders(filled, baseDir) : []
  const found = [...unfilled.map((each) => each.mistake), ...others, ...folders]
  if (found.length === 0 && config) return config
  const findings = found.map((each) => locateMistake(each, options.locate)).toSorted(byPlace)
  if (others.length === 0 && folders.length === 0 && unfilled.every(({ isMissing }) => isMissing))
    throw secretError(findings, [...new Set(unfilled.map(({ reference }) => reference))])
  throw invalid(findings, options.file)
}

function locateMistake({ path, message, allowed, nearest, isUnknownKey }: Mistake, locate: Locate | undefined): ConfigFinding {
  const { line = null, column = null } = locate?.(path, isUnknownKey ? 'key' : 'value') ?? {}
  return { path: formatPath(path), line, column, message, allowed, nearest }
}

function byPlace(a: ConfigFinding, b: ConfigFinding): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
}

function invalid(findings: readonly ConfigFinding[], file: string | undefined): MillraceError {
  const lines = findings.map((finding) => `  ${placeOf(finding, file)}${`${finding.path} ${finding.message}`.trim()}`)
  return new MillraceError('CONFIG_INVALID', { findings: lines.join('\n') }, { findings })
}

function secretError(findings: readonly ConfigFinding[], references: readonly string[]): MillraceError {
  const reasons = findings.map(({ path, message }) => `${path} ${message}`)
  const variables = references.flatMap((reference) => /^\$\{env:(.*)\}$/.exec(reference)?.[1] ?? [])
  const command = variables.length > 0 ? `export ${variables.map((name) => `${name}='…'`).join(' ')}` : 'write the file'
  return new MillraceError('CONFIG_SECRET_MISSING', { reference: reasons.join('; '), command }, { findings })
}

function syntaxError(path: string, faults: readonly ConfigFinding[]): MillraceError {
  const reason = faults.map(({ line, column, message }) => `line ${line}, column ${column}: ${message}`).join('; ')
  return new MillraceError('CONFIG_SYNTAX', { path, reason }, { findings: faults })
}

/** As compilers write it: terminals and editors make it a link. */
function placeOf({ line, column }: ConfigFinding, file: string | undefined): string {
  return file === undefined || line === null ? '' : `${file}:${line}:${column}  `
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code // node:fs throws these only
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new MillraceError('CONFIG_NOT_FOUND', { path, meant: meantFile(path) }, { cause: error })
    const reason = code === 'EISDIR' ? 'it is a folder' : `the file cannot be opened (${code})`
    throw new MillraceError('CONFIG_SYNTAX', { path, reason }, { cause: error })
  }
}

function meantFile(path: string): string {
  try {
    const nearest = nearestName(basename(path), readdirSync(dirname(path)))
    return nearest ? `; did you mean ${nearest}?` : '.'
  } catch {
    return `: the folder ${dirname(path)} is not there.`
  }
}
