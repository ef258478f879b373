import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { nearestName } from '../lib/nearest-name.ts'
import { SINKS } from '../registry.ts'
import { inputSchema } from './json-schema.ts'
import { mistake, type Mistake } from './mistake.ts'
import { partsOf } from './shape.ts'

/** The files that sinks should write in folders that are not there. Which options are such files, the schemas say. */
export async function findMissingFolders(input: unknown, baseDir: string): Promise<readonly Mistake[]> {
  const found: Mistake[] = []
  for (const [index, sink] of partsOf(input).sinks.entries()) {
    const load = sink && Object.hasOwn(SINKS, sink.type) ? SINKS[sink.type] : undefined
    if (!sink || !load) continue
    for (const [key, schema] of Object.entries(inputSchema((await load()).config).properties ?? {})) {
      const path = schema['x-path'] === 'file' ? sink[key] : undefined
      const fault = typeof path === 'string' ? missingFolder(resolve(baseDir, path)) : null
      if (fault) found.push(mistake(['sinks', index, key], fault.message, fault))
    }
  }
  return found
}

function missingFolder(file: string): { message: string; nearest: string | null } | null {
  const folder = dirname(file)
  if (existsSync(folder)) return null
  const parts = folder.split(sep)
  const depth = parts.findIndex((_, index) => index > 0 && !existsSync(parts.slice(0, index + 1).join(sep)))
  const above = parts.slice(0, depth).join(sep) || sep
  const sibling = nearestName(parts[depth] ?? '', foldersIn(above))
  const nearest = sibling === null ? null : join(above, sibling)
  return { message: `is in a folder that is not there (${folder})${nearest ? `; did you mean ${nearest}?` : ''}`, nearest }
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  } catch {
    return []
  }
}
