import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { MillraceError } from '../errors/millrace-error.ts'
import type { Config } from './config.ts'
import { interpolate } from './interpolate.ts'
import { validateConfig } from './validate-config.ts'

type Env = Record<string, string | undefined>

/** Reads, fills in and validates a YAML or JSON file. Relative paths start from its folder. */
export async function loadConfig(path: string, env: Env = process.env): Promise<Config> {
  const raw = parseText(readText(path), path)
  return resolveConfig(raw, { baseDir: dirname(resolve(path)), env })
}

/** The same for a configuration that is an object already (the library, the command line). */
export async function resolveConfig(raw: unknown, options: { baseDir: string; env?: Env }): Promise<Config> {
  const input = interpolate(raw, { baseDir: options.baseDir, env: options.env ?? process.env })
  return validateConfig(input, { baseDir: options.baseDir, raw })
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
