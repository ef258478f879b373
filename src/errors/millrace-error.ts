import type { ConfigFinding } from './config-finding.ts'
import { ERRORS, type ErrorCode, type ErrorKind } from './table.ts'

export type ErrorFields = Record<string, string | number | bigint>

type ErrorOptions = { cause?: unknown; findings?: readonly ConfigFinding[]; retryAfterMs?: number }

/** The one error class. What it says comes from the table; `fields` fill the braces. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly hint: string
  readonly fields: ErrorFields
  /** Of a configuration: each thing that is wrong with it. */
  readonly findings: readonly ConfigFinding[]
  /** How long the other side asked to be left alone; null where it did not. */
  readonly retryAfterMs: number | null

  constructor(code: ErrorCode, fields: ErrorFields = {}, options: ErrorOptions = {}) {
    const entry = ERRORS[code]
    super(fill(entry.message, fields), options)
    this.code = code
    this.kind = entry.kind
    this.hint = fill(entry.hint, fields)
    this.fields = fields
    this.findings = options.findings ?? []
    this.retryAfterMs = options.retryAfterMs ?? null
  }

  /** Where the documentation explains this code. */
  get docs(): string {
    return `docs/reference/errors.md#${this.code.toLowerCase()}`
  }
}

/** Any thrown thing as an error of the table: what is not one of ours is a bug of ours. */
export function toMillraceError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new MillraceError('BUG', { reason }, { cause: error })
}

function fill(template: string, fields: ErrorFields): string {
  return template.replace(/\{(\w+)\}/g, (braces, field: string) => (field in fields ? String(fields[field]) : braces))
}
