import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ERRORS, type ErrorKind } from '../src/errors/table.ts'

export const TROUBLESHOOTING = 'docs/guides/troubleshooting.md'

const KINDS: Record<ErrorKind, string> = {
  config: 'Refused before anything is done (exit code 2)',
  operator: 'Stops the pipeline until somebody acts (exit code 1)',
  transient: 'Tried again without end, while it runs',
  data: 'About one row',
  bug: 'Ours: please report it',
}

/** The guide with the list of all codes as the table of errors has them; the rest of it is written by hand. */
export function troubleshootingText(): string {
  const text = readFileSync(join(import.meta.dirname, '..', TROUBLESHOOTING), 'utf8')
  return text.replace(/(<!-- codes:.*?-->\n)[\s\S]*(<!-- \/codes -->)/, (_, begin: string, end: string) => `${begin}${codesText()}${end}`)
}

function codesText(): string {
  const sections = Object.entries(KINDS).map(([kind, title]) => {
    const entries = Object.entries(ERRORS).filter(([, entry]) => entry.kind === kind)
    const rows = entries.map(([code, { message }]) => `| [${code}](../reference/errors.md#${code.toLowerCase()}) | ${cell(message)} |\n`)
    return `\n### ${title}\n\n| code | says |\n|---|---|\n${rows.join('')}`
  })
  return `${sections.join('')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('*', '\\*')
}
