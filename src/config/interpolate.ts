import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { MillraceError } from '../errors/millrace-error.ts'
import { formatPath } from './findings.ts'

type Path = readonly PropertyKey[]
type Options = { baseDir: string; env: Record<string, string | undefined> }

/** Fills `${env:NAME}` and `${file:path}` in every string of a tree. All that is missing is named at once. */
export function interpolate(tree: unknown, options: Options): unknown {
  const { filled, missing } = fillIn(tree, options)
  if (missing.length > 0) throw new MillraceError('CONFIG_SECRET_MISSING', { reference: missing.join(', ') })
  return filled
}

/** The same, telling what is missing: such a reference stays as it is written. */
export function fillIn(tree: unknown, options: Options): { filled: unknown; missing: readonly string[]; paths: readonly string[] } {
  const missing = new Set<string>()
  const paths = new Set<string>()
  const fill = (text: string, path: Path) =>
    text.replace(REFERENCE, (reference, kind: string, name: string) => {
      const value = kind === 'env' ? options.env[name] : readSecret(resolve(options.baseDir, name))
      if (value === undefined) {
        missing.add(`${reference}${kind === 'env' ? ' (environment)' : ''}`)
        paths.add(formatPath(path))
      }
      return value ?? reference
    })
  return { filled: mapStrings(tree, fill), missing: [...missing], paths: [...paths] }
}

/** Whether a text holds a reference to a secret. */
export function hasReference(text: string): boolean {
  return text.search(REFERENCE) !== -1
}

const REFERENCE = /\$\{(env|file):([^}]+)\}/g

function mapStrings(tree: unknown, map: (text: string, path: Path) => string, path: Path = []): unknown {
  if (typeof tree === 'string') return map(tree, path)
  if (Array.isArray(tree)) return tree.map((item, index) => mapStrings(item, map, [...path, index]))
  if (tree === null || typeof tree !== 'object') return tree
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, mapStrings(value, map, [...path, key])]))
}

/** A secret's file without the line break at its end; undefined where it cannot be read. */
function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch {
    return undefined
  }
}
