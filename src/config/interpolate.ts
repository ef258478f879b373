import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { MillraceError } from '../errors/millrace-error.ts'

/** Fills `${env:NAME}` and `${file:path}` in every string of a tree. All that is missing is named at once. */
export function interpolate(tree: unknown, options: { baseDir: string; env: Record<string, string | undefined> }): unknown {
  const missing = new Set<string>()
  const fill = (text: string) =>
    text.replace(REFERENCE, (reference, kind: string, name: string) => {
      const value = kind === 'env' ? options.env[name] : readSecret(resolve(options.baseDir, name))
      if (value === undefined) missing.add(`${reference}${kind === 'env' ? ' (environment)' : ''}`)
      return value ?? ''
    })
  const filled = mapStrings(tree, fill)
  if (missing.size > 0) throw new MillraceError('CONFIG_SECRET_MISSING', { reference: [...missing].join(', ') })
  return filled
}

/** Whether a text holds a reference to a secret. */
export function hasReference(text: string): boolean {
  return text.search(REFERENCE) !== -1
}

const REFERENCE = /\$\{(env|file):([^}]+)\}/g

function mapStrings(tree: unknown, map: (text: string) => string): unknown {
  if (typeof tree === 'string') return map(tree)
  if (Array.isArray(tree)) return tree.map((item) => mapStrings(item, map))
  if (tree === null || typeof tree !== 'object') return tree
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, mapStrings(value, map)]))
}

/** A secret's file without the line break at its end; undefined where it cannot be read. */
function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch {
    return undefined
  }
}
