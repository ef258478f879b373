import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { referenceFiles } from '../scripts/generate-reference.ts'
import { registryText } from '../scripts/generate-registry.ts'
import { ERRORS } from '../src/errors/table.ts'
import { MillraceError } from '../src/errors/millrace-error.ts'
import { isTest, ROOT, sourceFiles } from './source-files.ts'

/** Held to the code by a test of its own, beside the format. */
const WRITTEN_BY_HAND = ['docs/reference/benchmarks.md', 'docs/reference/native.schema.json', 'docs/reference/reliability.md']

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test('the registry is what `npm run generate` makes of the folders', () => {
  expect(read('src/registry.ts')).toBe(registryText(join(ROOT, 'src')))
})

test('docs/reference is what `npm run generate` makes of the code, and nothing else', async () => {
  const files = await referenceFiles()
  for (const [path, text] of Object.entries(files)) expect(existsSync(join(ROOT, path)) ? read(path) : null, path).toBe(text)
  const written = readdirSync(join(ROOT, 'docs/reference')).map((name) => `docs/reference/${name}`)
  expect(written.filter((path) => !(path in files) && !WRITTEN_BY_HAND.includes(path))).toEqual([])
})

test('every error code is used, and has one anchor in the docs that its `docs` points to', () => {
  const code = sourceFiles('src')
    .filter((file) => !isTest(file.path) && !/^src\/errors\/[a-z]+-errors\.ts$/.test(file.path))
    .map((file) => file.text)
    .join('\n')
  const codes = Object.keys(ERRORS) as (keyof typeof ERRORS)[]
  expect(codes.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([])
  const anchors = [...read('docs/reference/errors.md').matchAll(/^## (.*)$/gm)].map(
    (match) => `docs/reference/errors.md#${match[1]?.toLowerCase()}`,
  )
  expect(anchors).toEqual(codes.map((name) => new MillraceError(name).docs))
})

test('every error says what to do', () => {
  const faults = Object.entries(ERRORS).filter(
    ([, { message, hint }]) => hint.length < 10 || !/[.…}]$/.test(hint.trim()) || message.length === 0,
  )
  expect(faults.map(([code]) => code)).toEqual([])
})

test('the codes that the troubleshooting guide explains are codes', () => {
  const headings = [...read('docs/guides/troubleshooting.md').matchAll(/^## (.*)$/gm)].map((match) => match[1] ?? '')
  const codes = headings.flatMap((heading) => heading.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? [])
  expect(codes.length).toBeGreaterThan(12)
  expect(codes.filter((code) => !(code in ERRORS))).toEqual([])
})

test('links in the docs lead to files and headings that are there', () => {
  const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...pagesUnder('docs')]
  expect(pages.flatMap((page) => brokenLinks(page, read(page)))).toEqual([])
})

test('a link that leads nowhere is found', () => {
  const text =
    '[a](docs/nowhere.md) [b](#nowhere) [c](docs/reference/errors.md#nowhere) [d](README.md) `[e](x.md)` [f](https://x.y/z)\n# B\n[g](#b)'
  expect(brokenLinks('x.md', text)).toEqual(['x.md → docs/nowhere.md', 'x.md → #nowhere', 'x.md → docs/reference/errors.md#nowhere'])
})

function brokenLinks(page: string, text: string): string[] {
  const links = [...withoutCode(text).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map((match) => match[1] ?? '')
  const isBroken = (link: string) => {
    const [path = '', anchor] = link.split('#')
    const target = join(ROOT, page, '..', path)
    if (path !== '' && !existsSync(target)) return true
    return anchor !== undefined && !anchorsOf(path === '' ? text : readFileSync(target, 'utf8')).includes(anchor)
  }
  return links.filter(isBroken).map((link) => `${page} → ${link}`)
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
}

function pagesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
}
