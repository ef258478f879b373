import type { Finding } from '../../contracts/definition.ts'
import { MillraceError, toMillraceError, type ErrorFields } from '../../errors/millrace-error.ts'
import type { ErrorCode } from '../../errors/table.ts'

export function fromError(error: unknown, subject: string): Finding {
  const { code, message, hint } = toMillraceError(error)
  return { severity: 'error', code, subject, message, hint }
}

export function failure(code: ErrorCode, fields: ErrorFields, subject: string): Finding {
  return fromError(new MillraceError(code, fields), subject)
}

export function fine(code: string, subject: string, message: string): Finding {
  return { severity: 'ok', code, subject, message, hint: null }
}
