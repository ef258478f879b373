import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** What a process did to files, in order: a write, a name made, a name removed, a file or folder synced, a file given a second name. */
export type Act = { act: 'write' | 'name' | 'unname' | 'sync' | 'link'; path: string; from?: string }

const CALLS = 'openat,mkdir,mkdirat,link,linkat,rename,fsync,fdatasync,unlink,unlinkat,write,pwrite64,writev,pwritev'

export function hasTracer(): boolean {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Runs a program under `strace` and returns what it and its threads did below `base`. */
export function trace(program: readonly string[], base: string): Act[] {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-trace-'))
  const log = join(folder, 'trace')
  try {
    execFileSync('strace', ['-f', '-y', '-s', '0', '-o', log, '-e', `trace=${CALLS}`, process.execPath, ...program], { stdio: 'pipe' })
    return parse(readFileSync(log, 'utf8')).filter(({ path }) => path.startsWith(`${base}/`) || path === base)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A sync counts from its end on, everything else from its beginning on. */
function parse(text: string): Act[] {
  const begun = new Map<string, string>()
  return text.split('\n').flatMap((line) => {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (rest.includes('<unfinished ...>')) {
      begun.set(pid, rest.replace(/ *<unfinished ...>/, ''))
      return rest.startsWith('f') ? [] : actsOf(`${rest} = 0`)
    }
    if (!rest.startsWith('<...')) return actsOf(rest)
    const first = begun.get(pid) ?? ''
    return first.startsWith('f') ? actsOf(first + rest.replace(/^<[^>]*>/, '')) : []
  })
}

function actsOf(call: string): Act[] {
  if (/= -1 E/.test(call)) return []
  const quoted = [...call.matchAll(/"([^"]*)"/g)].map((found) => found[1] ?? '')
  const [, descriptor = ''] = /^\w+\(\d+<([^>]*)>/.exec(call) ?? []
  if (/^f(data)?sync/.test(call)) return [{ act: 'sync', path: descriptor }]
  if (/^(p?write(64|v)?)\(/.test(call)) return [{ act: 'write', path: descriptor }]
  const [path = '', to = ''] = quoted
  if (call.startsWith('openat')) return call.includes('O_CREAT') ? [{ act: 'name', path }] : []
  if (call.startsWith('mkdir')) return [{ act: 'name', path }]
  if (call.startsWith('unlink')) return [{ act: 'unname', path }]
  return call.startsWith('link') || call.startsWith('rename') ? [{ act: 'link', path: to, from: path }] : []
}

/** What a power cut would take away after these acts: bytes written and names made that were not synced since. */
export function atRisk(acts: readonly Act[]): string[] {
  const risks = new Set<string>()
  const named = new Set<string>()
  for (const { act, path } of acts) {
    if (act === 'write') risks.add(`bytes of ${path}`)
    // To open what is there makes no name.
    if ((act === 'name' && !named.has(path)) || act === 'link') risks.add(`name of ${path}`)
    if (act === 'name' || act === 'link') named.add(path)
    if (act === 'unname') {
      named.delete(path)
      for (const risk of [`bytes of ${path}`, `name of ${path}`]) risks.delete(risk)
    }
    if (act !== 'sync') continue
    risks.delete(`bytes of ${path}`)
    for (const name of named) if (dirname(name) === path) risks.delete(`name of ${name}`)
  }
  return [...risks]
}
