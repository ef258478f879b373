import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Keeps what V8 compiled of our modules between runs: a tenth of a start's work. It lies in the user's own cache folder, where nobody
 * else can put code, as they could in the system's temporary one. Where that cannot be written it is left out without a word;
 * NODE_COMPILE_CACHE names another place, NODE_DISABLE_COMPILE_CACHE=1 does without.
 */
export function keepCompiled(): void {
  // Sources run as they are in a checkout: they change too often to be worth keeping.
  if (!import.meta.url.endsWith('.js')) return
  const folder = cacheFolder()
  if (folder !== null) enableCompileCache(join(folder, 'millrace'))
}

/** https://specifications.freedesktop.org/basedir-spec/latest/ and its likes elsewhere; null for a user without a home. */
function cacheFolder(): string | null {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (process.platform === 'win32') return LOCALAPPDATA || null
  if (XDG_CACHE_HOME) return XDG_CACHE_HOME
  const home = homeFolder()
  if (home === null || home === '' || home === '/') return null
  return process.platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache')
}

/** It throws for a user whom the system does not know, as in a container. */
function homeFolder(): string | null {
  try {
    return homedir()
  } catch {
    return null
  }
}
