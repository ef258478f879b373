/** `npm run generate`: writes what is made from the code. `--check` only says what is not current, and fails then. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { registryText } from './generate-registry.ts'

const root = join(import.meta.dirname, '..')
const isCheck = process.argv.includes('--check')

/** The registry first: everything else is made by importing it. */
const stale = write({ 'src/registry.ts': registryText(join(root, 'src')) })
const { referenceFiles } = await import('./generate-reference.ts')
stale.push(...write(await referenceFiles()))
if (isCheck && stale.length > 0) {
  process.stderr.write(`Not current: ${stale.join(', ')}. Run \`npm run generate\`.\n`)
  process.exitCode = 1
}

function write(files: Record<string, string>): string[] {
  const changed = Object.entries(files).filter(([path, text]) => readText(join(root, path)) !== text)
  for (const [path, text] of isCheck ? [] : changed) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    process.stdout.write(`wrote ${path}\n`)
  }
  return changed.map(([path]) => path)
}

function readText(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}
