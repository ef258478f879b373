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

/** What is wrong with a table pattern, a schema part and a table part; null where nothing is. */
export function faultOfPattern(text: string): string | null {
  if (/[[\]{}]/.test(text))
    return 'holds [ ] or { }: only * and ? stand for others; write one pattern for each table (and ? for such a sign in a name)'
  return faultOfParts(text.replace(/^!/, ''), 'is not schema.table (with * and ?, and ! in front to leave out)')
}

/** What is wrong with a name that stands for one table; null where nothing is. One that matches nothing would be passed over in silence. */
export function faultOfTableName(text: string): string | null {
  if (/^!|[*?]/.test(text)) return 'must be the name of one table (schema.table): no * ? and ! here'
  return faultOfParts(text, 'must be the name of one table, as schema.table')
}

function faultOfParts(text: string, otherwise: string): string | null {
  if (/^"|"$|"\./.test(text)) return 'must be written without double quotes, as the name is'
  return /^[^.].*\.[^.]+$/su.test(text) ? null : otherwise
}

/** Whether no table can ever match: everything that is added is left out again further on. */
export function leavesNothing(patterns: readonly string[]): boolean {
  const adding = patterns.every((pattern) => pattern.startsWith('!')) ? ['*.*', ...patterns] : patterns
  return adding.every((pattern, index) => pattern.startsWith('!') || adding.slice(index + 1).some((later) => leavesOut(later, pattern)))
}

/** Whether `later` leaves out all that `pattern` adds: a star of the one is met by a star of the other alone. */
function leavesOut(later: string, pattern: string): boolean {
  if (!later.startsWith('!')) return false
  const body = later.slice(1).replace(/[\\^$.|+()[\]{}*?]/g, (sign) => (sign === '*' ? '.*' : sign === '?' ? '[^*]' : `\\${sign}`))
  return new RegExp(`^${body}$`, 'su').test(pattern)
}

/** The patterns that name one table exactly: a table that is not there is then a mistake. */
export function exactPatterns(patterns: readonly string[]): readonly string[] {
  return patterns.filter((pattern) => !pattern.startsWith('!') && !/[*?]/.test(pattern))
}

function toExpression(pattern: string): RegExp {
  const body = pattern.replace(/[\\^$.|+()[\]{}*?]/g, (sign) => (sign === '*' ? '.*' : sign === '?' ? '.' : `\\${sign}`))
  return new RegExp(`^${body}$`, 'su')
}
