/**
 * Patterns of `schema.table` with `*` and `?`, asked in order: the last that matches decides, `!` leaves out.
 * Names with a dot in them are matched as a whole text, so `a.b.c` is matched by `a.*` and by `*.c`.
 */
export function createPatternMatcher(patterns: readonly string[]): (name: string) => boolean {
  const steps = patterns.map((pattern) => ({ adds: !pattern.startsWith('!'), expression: toExpression(pattern.replace(/^!/, '')) }))
  // A list that only leaves out leaves out of everything.
  const startsWith = steps.length > 0 && steps.every((step) => !step.adds)
  return (name) => steps.reduce((matched, step) => (step.expression.test(name) ? step.adds : matched), startsWith)
}

/** Whether a text is a table pattern: a schema part and a table part. */
export function isPattern(text: string): boolean {
  return /^!?[^.].*\.[^.]*$/su.test(text) && !text.endsWith('.')
}

/** The patterns that name one table exactly: a table that is not there is then a mistake. */
export function exactPatterns(patterns: readonly string[]): readonly string[] {
  return patterns.filter((pattern) => !pattern.startsWith('!') && !/[*?]/.test(pattern))
}

/** The system's own schemas never take part, whatever the patterns say. */
export function isSystemSchema(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema'
}

function toExpression(pattern: string): RegExp {
  const body = pattern.replace(/[\\^$.|+()[\]{}*?]/g, (sign) => (sign === '*' ? '.*' : sign === '?' ? '.' : `\\${sign}`))
  return new RegExp(`^${body}$`, 'su')
}
