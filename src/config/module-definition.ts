import { pathToFileURL } from 'node:url'
import type { FormatDefinition, SinkDefinition } from '../contracts/definition.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { nearestName } from '../lib/nearest-name.ts'
import { FORMATS, SINKS } from '../registry.ts'
import { faultOfFormat, faultOfSink } from './definition-shape.ts'
import { resolveModule } from './resolve-module.ts'

/**
 * The sink or format that a module of somebody else's defines, where `type` names one: by its path, from the configuration's folder, or by
 * the name of a package that is installed there. Null where `type` is one of ours, or names nothing at all.
 */
export async function sinkOfModule(type: string, baseDir: string): Promise<SinkDefinition | null> {
  const found = await definitionOf({ kind: 'sink', type, baseDir, known: Object.keys(SINKS), faultOf: faultOfSink })
  if (found === null) return null
  const given = found as Partial<SinkDefinition> & Omit<SinkDefinition, keyof typeof LEFT_OUT> // shown to be one just now
  return { ...LEFT_OUT, ...given }
}

/** What only the command line and `check` ask for. */
const LEFT_OUT = { fromUrl: () => null, async check() {} }

export async function formatOfModule(type: string, baseDir: string): Promise<FormatDefinition | null> {
  const found = await definitionOf({ kind: 'format', type, baseDir, known: Object.keys(FORMATS), faultOf: faultOfFormat })
  return found as FormatDefinition | null // shown to be one just now
}

/** What a sink of a module is called where it is given no name: after its file or its package. */
export function nameOfModule(type: string): string {
  const [last = ''] = type.split('/').slice(-1)
  return last
    .replace(/\.[cm]?[jt]s$/, '')
    .replace(/[^A-Za-z0-9_.-]+/g, '-')
    .slice(0, 64)
}

type Wanted = { kind: 'sink' | 'format'; type: string; baseDir: string; known: readonly string[]; faultOf(value: unknown): string | null }

async function definitionOf(wanted: Wanted): Promise<unknown> {
  const { kind, type, baseDir, known, faultOf } = wanted
  if (known.includes(type)) return null
  const path = resolveModule(type, baseDir)
  if (path === null) {
    // A word like one of ours is more likely that one misspelt.
    if (!isModuleLike(type) || nearestName(type, known) !== null) return null
    throw new MillraceError('SINK_MODULE_MISSING', { kind, type, folder: baseDir, remedy: remedyFor(type) })
  }
  const { definition, default: main } = await load(path, { kind, type })
  const value = definition ?? main
  const fault = value === undefined ? 'it exports neither `definition` nor a default' : faultOf(value)
  if (fault !== null) throw new MillraceError('SINK_MODULE_SHAPE', { kind, type, reason: fault })
  return value
}

async function load(path: string, { kind, type }: { kind: string; type: string }): Promise<{ definition?: unknown; default?: unknown }> {
  try {
    return await import(/* @vite-ignore */ pathToFileURL(path).href)
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it threw something that is no error'
    throw new MillraceError('SINK_MODULE_FAILED', { kind, type, reason: reason.replace(/\.$/, '') }, { cause: error })
  }
}

/** Our own types are plain words. */
function isModuleLike(type: string): boolean {
  return /^(\.{0,2}\/|@|file:)/.test(type) || type.includes('-')
}

function remedyFor(type: string): string {
  return /^(\.{0,2}\/|file:)/.test(type) ? 'correct the path' : `run npm install ${type} there`
}
