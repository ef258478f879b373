import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseSync } from 'oxc-parser'

export const ROOT = dirname(import.meta.dirname)

export type SourceFile = { path: string; text: string; imports: readonly Import[] }
export type Import = { from: string; isType: boolean }

/** Every TypeScript file under a folder of the checkout, with what it imports, exports from and imports lazily. */
export function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => {
      const path = join(folder, name)
      const text = readFileSync(join(ROOT, path), 'utf8')
      return { path, text, imports: importsOf(path, text) }
    })
}

/** The path of a relative import, from the checkout's root; null for a package. */
export function targetOf(file: SourceFile, { from }: Import): string | null {
  return from.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file.path), from)) : null
}

export function isTest(path: string): boolean {
  return /\.(test|fixture)\.ts$/.test(path)
}

export function importsOf(path: string, text: string): Import[] {
  const { module, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`)
  const fixed = module.staticImports.map((each) => ({
    from: each.moduleRequest.value,
    isType: each.entries.length > 0 ? each.entries.every((entry) => entry.isType) : false,
  }))
  const exported = module.staticExports.flatMap((each) =>
    each.entries.flatMap((entry) => (entry.moduleRequest ? [{ from: entry.moduleRequest.value, isType: entry.isType }] : [])),
  )
  const lazy = module.dynamicImports.flatMap(({ moduleRequest: { start, end } }) => {
    const literal = /^['"](.*)['"]$/.exec(text.slice(start, end))
    return literal?.[1] === undefined ? [] : [{ from: literal[1], isType: false }]
  })
  return [...fixed, ...exported, ...lazy]
}
