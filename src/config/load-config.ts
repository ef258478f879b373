import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { MillraceError } from '../errors/millrace-error.ts'
import type { Config } from './config.ts'
import { fillIn } from './interpolate.ts'
import { validateConfig } from './validate-config.ts'

type Env = Record<string, string | undefined>

/** Reads, fills in and validates a YAML or JSON file. Relative paths start from its folder. */
export async function loadConfig(path: string, env: Env = process.env): Promise<Config> {
  const raw = parseText(readText(path), path)
  return resolveConfig(raw, { baseDir: dirname(resolve(path)), env })
}

/** The same for a configuration that is an object already (the library, the command line). */
export async function resolveConfig(raw: unknown, options: { baseDir: string; env?: Env }): Promise<Config> {
  const { filled, missing, paths } = fillIn(raw, { baseDir: options.baseDir, env: options.env ?? process.env })
  const valid = { baseDir: options.baseDir, raw }
  if (missing.length === 0) return validateConfig(filled, valid)
  // Everything else that is wrong is said with them; of what stands for a secret nothing can be said.
  const others = (await findingsOf(() => validateConfig(filled, valid))).filter((line) => !paths.some((path) => startsWithPath(line, path)))
  if (others.length === 0) throw new MillraceError('CONFIG_SECRET_MISSING', { reference: missing.join(', ') })
  const findings = [...missing.map((reference) => `  ${reference} is not there`), ...others]
  throw new MillraceError('CONFIG_INVALID', { findings: findings.join('\n') })
}

async function findingsOf(validate: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await validate()
    return []
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'CONFIG_INVALID') return []
    return String(error.fields.findings).split('\n')
  }
}

function startsWithPath(line: string, path: string): boolean {
  return new RegExp(`^${path.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}([\\s:.[]|$)`).test(line.trim())
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code // node:fs throws these only
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new MillraceError('CONFIG_NOT_FOUND', { path }, { cause: error })
    const reason = code === 'EISDIR' ? 'it is a folder' : `the file cannot be opened (${code})`
    throw new MillraceError('CONFIG_SYNTAX', { path, reason }, { cause: error })
  }
}

/** JSON is YAML. The parser's excerpts of the text are left out: they may hold a secret. */
function parseText(text: string, path: string): unknown {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const error = document.errors[0]
  if (!error) return document.toJS()
  const { line, col } = lines.linePos(error.pos[0])
  throw new MillraceError('CONFIG_SYNTAX', {
    path,
    reason: `line ${line}, column ${col}: ${error.code.toLowerCase().replaceAll('_', ' ')}`,
  })
}
