import { readFileSync } from 'node:fs'

/** Prints the package's version. */
export function version(): number {
  process.stdout.write(`millrace ${packageVersion()}\n`)
  return 0
}

export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version // our own package.json
}
