import type { SourceSketch } from '../contracts/definition.ts'
import type { Origin } from './init.ts'
import { pathOf, sizeWords, type Choices } from './init-text.ts'

/** What was written, what was left out, and the commands that come next. */
export function endingText(at: { output: string; origin: Origin; choices: Choices; sketch: SourceSketch }): string {
  const { output, origin, choices, sketch } = at
  const wanted = new Set(choices.tables)
  const chosen = sketch.tables.filter(({ name }) => wanted.has(name))
  const refused = sketch.tables.filter(({ problem }) => problem !== null).map(({ name }) => name)
  const path = pathOf(choices)
  const option = output === 'millrace.yaml' ? '' : ` -c ${output}`
  // Run by npx, `millrace` alone would not be found.
  const command = process.env.npm_command === 'exec' ? 'npx millrace' : 'millrace'
  return [
    `Wrote ${output}: ${tableWords(chosen)} of ${sketch.database} into ${choices.sink}${path ? ` (${path})` : ''}.`,
    ...(refused.length > 0
      ? [`Left out, each with what helps beside it: ${refused.slice(0, 5).join(', ')}${refused.length > 5 ? ', …' : ''}.`]
      : []),
    '',
    'Next:',
    ...exportLine(origin),
    `  ${command} check${option}`,
    `  ${command} run${option}`,
  ].join('\n')
}

function tableWords(tables: SourceSketch['tables']): string {
  const rows = tables.every((table) => table.rows !== null) ? tables.reduce((sum, table) => sum + (table.rows ?? 0), 0) : null
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0)
  return `${tables.length} table${tables.length === 1 ? '' : 's'} (${sizeWords(rows, bytes)})`
}

/** The URL is not printed again: it may hold the password. */
function exportLine(origin: Origin): readonly string[] {
  if (origin === 'DATABASE_URL' || origin === 'PG*') return []
  return ["  export DATABASE_URL='…'    # the URL that you gave; the file reads it from there"]
}
