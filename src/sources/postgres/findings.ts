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

type About = { code: string; subject: string; message: string; hint: string | null }

export function info(about: About): Finding {
  return { severity: 'info', ...about }
}

export function warning(about: About): Finding {
  return { severity: 'warning', ...about }
}

/** `a, b, c and 7 more`: a message stays readable however many tables there are. */
export function someOf(names: readonly string[], limit = 5): string {
  const shown = names.slice(0, limit).join(', ')
  return names.length > limit ? `${shown} and ${names.length - limit} more` : shown
}

/** `1 table`, `3 tables`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
