import { toMillraceError } from '../errors/millrace-error.ts'
import { redactUrls } from '../lib/redact-urls.ts'

/** What an error prints: what happened, the code, the hint, where it is documented. One JSON object, or text. */
export function errorText(error: unknown, options: { json: boolean; verbose: boolean }): string {
  const known = toMillraceError(error)
  const fields = { code: known.code, message: redactUrls(known.message), hint: redactUrls(known.hint), docs: known.docs }
  const stack = options.verbose ? { stack: redactUrls(stackOf(known)) } : {}
  if (options.json) return `${JSON.stringify({ level: 'error', ...fields, ...stack })}\n`
  const lines = [`error: ${fields.message}`, `  code  ${fields.code}`, `  hint  ${fields.hint}`, `  docs  ${fields.docs}`]
  return `${[...lines, ...Object.values(stack)].join('\n')}\n`
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
