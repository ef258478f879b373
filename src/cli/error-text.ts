import { toMillraceError } from '../errors/millrace-error.ts'
import type { ConfigFinding } from '../errors/config-finding.ts'
import { harmlessLines } from '../lib/harmless.ts'
import { redactUrls } from '../lib/redact-urls.ts'

/** What an error is with `--log json` or `--json`. `findings` of a configuration only; `stack` with `--verbose` only. */
export type ErrorReport = {
  level: 'error'
  code: string
  message: string
  hint: string
  docs: string
  findings?: readonly ConfigFinding[]
  stack?: string
}

/** What an error prints: what happened, the code, the hint, where it is documented. One JSON object, or text. */
export function errorText(error: unknown, options: { json: boolean; verbose: boolean }): string {
  const known = toMillraceError(error)
  const fields: ErrorReport = {
    level: 'error',
    code: known.code,
    message: redactUrls(known.message),
    hint: redactUrls(known.hint),
    docs: known.docs,
  }
  if (known.findings.length > 0) fields.findings = known.findings
  if (options.verbose) fields.stack = redactUrls(stackOf(known))
  if (options.json) return `${harmlessLines(JSON.stringify(fields))}\n`
  const lines = [`error: ${fields.message}`, `  code  ${fields.code}`, `  hint  ${fields.hint}`, `  docs  ${fields.docs}`]
  return `${harmlessLines([...lines, ...(fields.stack ? [fields.stack] : [])].join('\n'))}\n`
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
