import { readFileSync } from 'node:fs'
import { join } from 'node:path'

type Locked = {
  version: string
  license?: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}
export type Licensed = { name: string; version: string; licence: string }

const ROOT = join(import.meta.dirname, '..')
const readJson = (path: string): unknown => JSON.parse(readFileSync(join(ROOT, path), 'utf8'))

/** What a dependency comes with, by its own word: those that are always installed, and what each optional one adds. */
export function licences(): { always: Licensed[]; optional: Record<string, Licensed[]> } {
  const { packages } = readJson('package-lock.json') as { packages: Record<string, Locked> } // npm writes it so
  const own = packages[''] ?? { version: '' }
  const always = reached(packages, Object.keys(own.dependencies ?? {}))
  const optional = Object.keys(own.peerDependencies ?? {}).map((name) => {
    const added = [...reached(packages, [name])].filter(([path]) => !always.has(path))
    return [name, listed(new Map(added))] as const
  })
  return { always: listed(always), optional: Object.fromEntries(optional) }
}

export function licencesText(): string {
  const { always, optional } = licences()
  const parts = Object.entries(optional).map(([name, added]) => `## With \`${name}\`\n\n${tableOf(added)}`)
  return `# Licences

Millrace is under Apache-2.0 (\`LICENSE\`). These are the packages that it comes with, with the licences that they name themselves; what only its
own development needs is not listed. Packages for other systems than yours are listed and not installed.

## Always

${tableOf(always)}
${parts.join('\n')}`
}

function tableOf(packages: readonly Licensed[]): string {
  const lines = packages.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |\n`)
  return `| package | version | licence |\n|---|---|---|\n${lines.join('')}`
}

/** The packages that these need, by their place in the tree, as Node finds them from there. */
function reached(packages: Record<string, Locked>, names: readonly string[]): Map<string, Locked> {
  const found = new Map<string, Locked>()
  const visit = (name: string, from: string) => {
    const path = placeOf(packages, name, from)
    const locked = path === null ? undefined : packages[path]
    // An optional peer that nobody installs.
    if (path === null || locked === undefined || found.has(path)) return
    found.set(path, locked)
    const peers = Object.keys(locked.peerDependencies ?? {}).filter((peer) => locked.peerDependenciesMeta?.[peer]?.optional !== true)
    for (const each of [...Object.keys({ ...locked.dependencies, ...locked.optionalDependencies }), ...peers]) visit(each, path)
  }
  for (const name of names) visit(name, '')
  return found
}

function placeOf(packages: Record<string, Locked>, name: string, from: string): string | null {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const path = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`
    if (path in packages) return path
    if (at === '') return null
  }
}

function listed(packages: ReadonlyMap<string, Locked>): Licensed[] {
  const all = [...packages].map(([path, { version, license }]) => ({ name: nameOf(path), version, licence: license ?? licenceIn(path) }))
  return all.toSorted((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1))
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

/** Where the lockfile does not say, the package may. */
function licenceIn(path: string): string {
  const { license } = readJson(`${path}/package.json`) as { license?: unknown }
  return typeof license === 'string' ? license : 'not named'
}
