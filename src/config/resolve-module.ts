import { existsSync, readFileSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The file of a module as somebody in `baseDir` would import it: a path, or a package that is installed there or above. Null where there is none. */
export function resolveModule(name: string, baseDir: string): string | null {
  if (name.startsWith('file:')) return existing(fileURLToPath(name))
  if (/^\.{0,2}\//.test(name)) return existing(resolve(baseDir, name))
  return PACKAGE.test(name) ? packageFile(name, join(baseDir, 'millrace.yaml')) : null
}

const PACKAGE = /^(@[a-z0-9._~-]+\/)?[a-z0-9_~-][a-z0-9._~-]*(\/[\w./-]+)?$/i

function existing(path: string): string | null {
  return existsSync(path) ? path : null
}

/** `require` finds what `import` would, but for packages that only `import` may have. */
function packageFile(name: string, from: string): string | null {
  try {
    const found = createRequire(from).resolve(name)
    return found.startsWith('/') || /^[A-Za-z]:/.test(found) ? found : null // else one of Node's own
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException // Node's resolver throws these only
    return code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' ? importFile(name, from) : null
  }
}

function importFile(name: string, from: string): string | null {
  const manifest = findPackageJSON(name, pathToFileURL(from))
  if (manifest === undefined) return null
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports?: unknown }
  const root = isRecord(exports) && '.' in exports ? exports['.'] : exports
  const target = targetOf(root)
  return target === null ? null : existing(join(dirname(manifest), target))
}

/** The first of the conditions that `import` fulfils, as Node takes them: in the order written. */
function targetOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (!isRecord(value)) return null
  for (const [condition, inner] of Object.entries(value)) {
    const target = ['import', 'node', 'module-sync', 'default'].includes(condition) ? targetOf(inner) : null
    if (target !== null) return target
  }
  return null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
