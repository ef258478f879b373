import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { nearestName } from '../lib/nearest-name.ts'
import { mistake, type Mistake, type Path } from './mistake.ts'

type Options = { baseDir: string; env: Record<string, string | undefined> }

/** What is wrong with a reference; `isMissing`: the reference is right, and the secret not there. */
export type Unfilled = { reference: string; isMissing: boolean; mistake: Mistake }

/**
 * Fills `${env:NAME}` and `${file:path}` in every string of a tree. What is missing stays as it is written and is told, all
 * of it at once. What a secret itself holds is not filled.
 */
export function fillIn(tree: unknown, options: Options): { filled: unknown; unfilled: readonly Unfilled[] } {
  const unfilled: Unfilled[] = []
  const fill = (text: string, path: Path) =>
    text.replace(REFERENCE, (reference, kind: string, name: string) => {
      const { value, problem } = lookUp(reference, { kind, name }, options)
      if (problem) unfilled.push({ reference, isMissing: KINDS.includes(kind), mistake: mistake(path, problem.message, problem) })
      return value ?? reference
    })
  return { filled: mapStrings(tree, fill), unfilled }
}

/** Whether a text holds a reference to a secret. */
export function hasReference(text: string): boolean {
  return [...text.matchAll(REFERENCE)].some(([, kind = '']) => KINDS.includes(kind))
}

const REFERENCE = /\$\{([A-Za-z]+):([^}]+)\}/g
const KINDS = ['env', 'file']

type Found = { value?: string | undefined; problem?: { message: string; allowed?: string; nearest?: string | null } }

function lookUp(reference: string, { kind, name }: { kind: string; name: string }, { baseDir, env }: Options): Found {
  if (kind === 'env') return env[name] === undefined ? { problem: unset(reference, name, env) } : { value: env[name] }
  if (kind === 'file') {
    const path = resolve(baseDir, name)
    const value = readSecret(path)
    return value === undefined ? { problem: { message: `needs ${reference}: the file ${path} cannot be read` } } : { value }
  }
  const nearest = nearestName(kind, KINDS)
  // Braces of somebody else's, such as a topic's, stay as they are.
  if (!nearest) return {}
  const allowed = '${env:NAME} or ${file:path}'
  return { problem: { message: `holds \${${kind}:…}, which is no reference; write ${allowed}`, allowed, nearest } }
}

/** Only names that are spelt alike are told: the environment is the user's own. */
function unset(reference: string, name: string, env: Options['env']): { message: string; nearest: string | null } {
  const nearest = nearestName(
    name,
    Object.keys(env).filter((other) => other.length > 4 && Math.abs(other.length - name.length) < 3 && other[0] === name[0]),
  )
  const meant = nearest ? `; did you mean ${nearest}?` : ''
  return { message: `needs ${reference}: the environment variable ${name} is not set${meant}`, nearest }
}

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
